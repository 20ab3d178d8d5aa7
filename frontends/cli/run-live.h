/* run-live.h - banyan run while it serves: the file again, and what a restart must know
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

typedef struct
{
  char *state;       /* (owned) (nullable): the folder */
  gboolean watches;  /* the file */
  gboolean override; /* what was changed outside it gives way */
} RunLiveOptions;

extern RunLiveOptions run_live_options;

#define RUN_LIVE_ENTRIES \
  { "state", \
    0, \
    0, \
    G_OPTION_ARG_FILENAME, \
    &run_live_options.state, \
    "Keep in this folder what a restart must know: what was applied, and what was moved since", \
    "FOLDER" }, \
      { "watch", \
        0, \
        0, \
        G_OPTION_ARG_NONE, \
        &run_live_options.watches, \
        "Apply the file whenever it changes, not on SIGHUP only", \
        NULL }, \
  { \
    "override", 0, 0, G_OPTION_ARG_NONE, &run_live_options.override, \
        "Start, and apply the file, even where that undoes what was changed outside it", NULL \
  }

/* Before the file is loaded: whether what the last run left lets it be. CLI_DONE: go on. */
CliStatus run_live_prepare (BanyanGraph *graph, CliDocument *document);
/* Clients are served. @quiet: nothing is said of what goes well. */
void run_live_begin (BanyanGraph *graph, gboolean quiet);
/* The server stops, or never began. */
void run_live_end (void);

/* -- The state (run-state.c). -- */

CliStatus run_state_open (BanyanGraph *graph, CliDocument *document);
void run_state_save (BanyanGraph *graph);
void run_state_close (void);

G_END_DECLS
