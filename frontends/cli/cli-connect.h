/* cli-connect.h - the commands' way to a running graph: its QMP socket
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _CliConnection CliConnection;

/* The option of every command that talks to a running graph, and where it puts its argument. */
extern char *cli_connect_address;
#define CLI_CONNECT_OPTION \
  { \
    "connect", 0, 0, G_OPTION_ARG_STRING, &cli_connect_address, \
        "Where the running graph's qmp frontend listens: a socket's path, or HOST:PORT", "SOCKET" \
  }

/* What --connect or BANYAN_CONNECT says; NULL: nothing. */
const char *cli_connect_get_address (void);
gboolean cli_connect_is_told (void);
/* To --connect's argument, or to what BANYAN_CONNECT says. NULL after it has said why, with
 * @status.
 */
CliConnection *cli_connect (CliStatus *status);
/* Once more to where cli_connect() led. NULL says nothing. */
CliConnection *cli_connect_quietly (void);
void cli_connection_free (CliConnection *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliConnection, cli_connection_free)

/* What to do again and again while an answer is awaited. */
#define CLI_WAIT_US 200000
typedef void (*CliWaitFunc) (gpointer data);
void cli_connection_set_wait (CliConnection *self, CliWaitFunc wait, gpointer data);

/* Runs a command; @arguments: (nullable) (transfer full). The whole answer, with "return" or
 * "error"; NULL with @error where the connection has ended. */
BanyanSpec *cli_ask (CliConnection *self, const char *command, BanyanSpec *arguments,
                     GError **error);
/* Runs a command; @arguments: (nullable) (transfer full). NULL with @error, which has the server's
 * words, and @status, for the exit. */
BanyanSpec *cli_call (CliConnection *self, const char *command, BanyanSpec *arguments,
                      CliStatus *status, GError **error);
/* The same for those who have nothing to do then but say so. */
BanyanSpec *cli_call_or_say (CliConnection *self, const char *command, BanyanSpec *arguments,
                             CliStatus *status);
/* In words for people, where a connection has ended: also one that the server cut before it had
 * read everything, which the kernel calls a reset. Sets @error where there is none. */
void cli_explain_end (GError **error);
/* Sends a message as it is; the next message that is no event. */
BanyanSpec *cli_exchange (CliConnection *self, BanyanSpec *message, GError **error);
/* (transfer full): the next event; waits for one. NULL with @error, also when the server ends. */
BanyanSpec *cli_next_event (CliConnection *self, GError **error);

/* (transfer none): for who reads and writes it alone from now on; what has been read from it
 * already is appended to @unread. */
GSocket *cli_connection_get_socket (CliConnection *self, GByteArray *unread);

G_END_DECLS
