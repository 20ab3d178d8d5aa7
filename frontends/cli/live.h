/* live.h - the parts of `banyan inspect --connect`: the browser of a running graph
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli-connect.h"
#include "graph.h"

G_BEGIN_DECLS

/* What command-inspect.c found on the command line. */
typedef struct
{
  gboolean as_json;
  gboolean is_inverse;
  gboolean is_batch;
  int count;       /* of rounds; 0: no end */
  double interval; /* in seconds */
} LiveOptions;

/* A connection, and the graph as it was at the beginning. */
typedef struct
{
  const LiveOptions *options; /* (unowned) */
  CliConnection *connection;  /* (owned) */
  BanyanSpec *description;    /* (owned) */
  GraphModel *graph;          /* (owned): of @description */
} LiveSession;

/* NULL after it has said why. */
LiveSession *live_session_new (const LiveOptions *options, CliStatus *status);
void live_session_free (LiveSession *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LiveSession, live_session_free)

/* By its path, or by as much of its end as no other has. NULL after it has said what there is. */
GraphObject *live_find (LiveSession *self, const char *name, CliStatus *status);
/* As documents call it, or its class where they do not. */
const char *live_name_type (GraphObject *object);
/* Without a word. @n_found: how many there are */
GraphObject *live_look_up (GraphModel *graph, const char *name, guint *n_found);
/* "/nodes/disk0.file.cache.direct": ids and properties have dots; the longest name that is an
 * object's is one. @property: (out) (transfer none): points into @name */
GraphObject *live_find_property (LiveSession *self, const char *name, const char **property,
                                 CliStatus *status);
/* Without a word; *@property NULL: there is no dot. */
GraphObject *live_look_up_property (GraphModel *graph, const char *name, const char **property,
                                    guint *n_found);
/* The same call for all commands about one property; @value: (nullable) (transfer none). NULL after
 * it has said why, and what may have been meant. (transfer full) */
BanyanSpec *live_call_property (LiveSession *self, const char *command, const char *path,
                                const char *property, BanyanSpec *value, CliStatus *status);
/* With one argument. NULL after it has said why. (transfer full) */
BanyanSpec *live_call_path (LiveSession *self, const char *command, const char *path,
                            CliStatus *status);

/* Where in this very connection a value stood is nothing to tell who has just written it:
 * "client control.3:1:96: ". */
const char *live_skip_place (const char *message);
/* What a person writes for the value of a property, with its unit if they like: "10ms".
 * (transfer full) */
BanyanSpec *live_read_value (GraphObject *object, const char *property, const char *text);

/* -- live-edge.c: "/nodes/disk0:file", "disk0:file". -- */

gboolean live_is_edge (const char *name);
/* @owner: (out): whose edge it is. NULL after it has said why. (transfer none) */
BanyanSpec *live_find_edge (LiveSession *self, const char *name, GraphObject **owner,
                            CliStatus *status);
CliStatus live_show_edge (LiveSession *session, const char *name);
void live_offer_edges (GString *text, const char *prefix, LiveSession *session);

/* -- The words. -- */

typedef enum
{
  LIVE_TAKES_NOTHING,
  LIVE_TAKES_PATH,
  LIVE_TAKES_EDGE, /* or any path */
  LIVE_TAKES_PROPERTY,
} LiveTakes;

typedef struct
{
  const char *name;
  const char *arguments; /* as in a usage line */
  const char *summary;
  LiveTakes takes; /* what completion offers */
  guint min_arguments;
  guint max_arguments;
  CliStatus (*run) (LiveSession *session, char **arguments);
} LiveWord;

extern const LiveWord live_words[]; /* ends with a NULL name */
const LiveWord *live_word_find (const char *name);
/* What was probably meant. (transfer none) (nullable) */
const char *live_word_find_near (const char *name);
/* @words[0] is the word; none at all: the tree. */
CliStatus live_run (char **words, const LiveOptions *options);

/* live-complete.c: @words: those before @prefix that are no options, NULL-terminated */
void live_complete (GString *text, const char *const *words, const char *prefix);

/* live-tree.c */
CliStatus live_run_ls (LiveSession *session, char **arguments);
CliStatus live_run_tree (LiveSession *session, char **arguments);
/* live-values.c */
CliStatus live_run_get (LiveSession *session, char **arguments);
CliStatus live_run_set (LiveSession *session, char **arguments);
/* live-refs.c */
CliStatus live_run_refs (LiveSession *session, char **arguments);
/* live-show.c */
CliStatus live_run_show (LiveSession *session, char **arguments);
/* live-why.c */
CliStatus live_run_why (LiveSession *session, char **arguments);
/* live-history.c */
CliStatus live_run_history (LiveSession *session, char **arguments);
/* live-events.c */
CliStatus live_run_watch (LiveSession *session, char **arguments);
/* live-top.c */
CliStatus live_run_top (LiveSession *session, char **arguments);

/* -- live-events.c -- */

/* "12:00:59.999", of the clock on the wall. (transfer full) */
char *live_format_time (gint64 time_us);
/* 0 where there is none. */
gint64 live_read_integer (BanyanSpec *map, const char *key);

/* -- live-rates.c: what happens between two answers of query-blockstats. -- */

typedef struct
{
  char *path;                   /* (owned): of the frontend's export, or of the edge */
  char *node;                   /* (owned): where its requests go */
  double reads, writes, others; /* a second */
  double read_bytes, write_bytes;
  double read_us, write_us; /* a request, on average; below 0: not known */
  guint64 in_flight;
} LiveRate;

/* @before: (nullable): all rates are 0 then. (element-type LiveRate) */
GPtrArray *live_rates_new (BanyanSpec *before, BanyanSpec *after, double seconds);
/* The edges that count, of query-blockstats about nodes, as backends are told. */
void live_add_edge_counts (BanyanSpecBuilder *list, BanyanSpec *nodes);
/* "12.5M", of bytes a second */
char *live_format_bytes (double bytes);
/* "1.2ms", or "-" where it is not known */
char *live_format_us (double microseconds);

G_END_DECLS
