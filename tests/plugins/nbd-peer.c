/* nbd-peer.c - an NBD server on a thread that does what a test tells it, wrong things included
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * It knows simple replies only, and writes the protocol's numbers out once more. */

#include "banyan-test-real-time.h"
#include "nbd-peer.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define USUAL_FLAGS (1 | 4 | 8 | 32 | 64)
#define MAX_BYTES (8u << 20)
#define NEVER G_MAXUINT

struct _Peer
{
  char *folder; /* (owned) */
  char *path;   /* (owned) */
  int listener; /* (owned) */
  GThread *accepter;

  GMutex mutex; /* over all that follows */
  GCond changed;
  guint8 *disk; /* (owned): MAX_BYTES */
  guint64 size;
  guint flags;
  GArray *fds;        /* (owned) (element-type int): of clients that are there */
  GPtrArray *threads; /* (owned) (element-type GThread) */
  guint n_clients;
  guint n_hang_ups;
  guint drop_kind;
  guint drop_each;
  guint ignore_kind;
  guint leave_kind;
  guint n_commands;
  guint n_ignored;
  gboolean is_silent;
  gboolean is_confused;
  gboolean is_ending;
};

typedef struct
{
  Peer *peer;
  int fd;
} Client;

/* -- Bytes. -- */

static gboolean
get (int fd, gpointer to, gsize length)
{
  for (gsize done = 0; done < length;)
    {
      gssize n = TEMP_FAILURE_RETRY (recv (fd, (guint8 *) to + done, length - done, 0));

      if (n <= 0)
        return FALSE;
      done += n;
    }
  return TRUE;
}

static gboolean
put (int fd, gconstpointer from, gsize length)
{
  return send (fd, from, length, MSG_NOSIGNAL) == (gssize) length;
}

static guint64
number_at (const guint8 *bytes, guint width)
{
  guint64 value = 0;

  for (guint i = 0; i < width; i++)
    value = value << 8 | bytes[i];
  return value;
}

static guint8 *
put_number (guint8 *at, guint64 value, guint width)
{
  for (guint i = 0; i < width; i++)
    at[i] = value >> (8 * (width - 1 - i));
  return at + width;
}

/* -- Greeting. -- */

static gboolean
answer_option (int fd, guint option, guint type, gconstpointer data, gsize length)
{
  guint8 header[20];
  guint8 *at = put_number (header, 0x3e889045565a9, 8);

  at = put_number (at, option, 4);
  at = put_number (at, type, 4);
  put_number (at, length, 4);
  return put (fd, header, sizeof header) && (length == 0 || put (fd, data, length));
}

static gboolean
answer_go (Peer *self, int fd, guint option)
{
  guint8 info[12];
  guint8 *at = put_number (info, 0, 2);

  g_mutex_lock (&self->mutex);
  at = put_number (at, self->size, 8);
  put_number (at, USUAL_FLAGS | self->flags, 2);
  g_mutex_unlock (&self->mutex);
  return answer_option (fd, option, 3, info, sizeof info) && answer_option (fd, option, 1, NULL, 0);
}

/* TRUE when the client has chosen. */
static gboolean
greet (Peer *self, int fd)
{
  guint8 bytes[4096];
  guint8 *at = put_number (bytes, 0x4e42444d41474943, 8);

  at = put_number (at, 0x49484156454f5054, 8);
  put_number (at, 3, 2);
  if (!put (fd, bytes, 18) || !get (fd, bytes, 4))
    return FALSE;

  while (get (fd, bytes, 16))
    {
      guint option = number_at (bytes + 8, 4);
      gsize length = number_at (bytes + 12, 4);

      if (length > sizeof bytes || !get (fd, bytes, length))
        return FALSE;
      if (option == 7)
        return answer_go (self, fd, option);
      if (option == 2 || !answer_option (fd, option, 0x80000001, NULL, 0))
        return FALSE;
    }
  return FALSE;
}

/* -- Commands. -- */

/* Whether the order of @place was for this one; it is for one. */
static gboolean
is_next (guint *place, guint kind)
{
  if (*place != kind)
    return FALSE;
  *place = NEVER;
  return TRUE;
}

static gboolean
is_to_drop (Peer *self, guint kind)
{
  self->n_commands++;
  return is_next (&self->drop_kind, kind)
         || (self->drop_each > 0 && self->n_commands % self->drop_each == 0);
}

static gboolean
answer_command (Peer *self, int fd, const guint8 *request)
{
  guint kind = number_at (request + 6, 2);
  guint64 cookie = number_at (request + 8, 8);
  guint64 offset = number_at (request + 16, 8);
  guint64 length = number_at (request + 24, 4);
  gboolean is_sane = offset + length <= MAX_BYTES;
  g_autofree guint8 *data = g_malloc (length + 1);
  g_autofree guint8 *reply = g_malloc (16 + length);
  gboolean is_dropped, is_ignored, is_leaving;

  if (kind == 2 || (kind == PEER_WRITE && !get (fd, data, length)))
    return FALSE;

  g_mutex_lock (&self->mutex);
  is_dropped = is_to_drop (self, kind);
  is_ignored = is_next (&self->ignore_kind, kind);
  self->n_ignored += is_ignored;
  is_leaving = is_next (&self->leave_kind, kind);
  /* Half of the time what is not answered has been done. */
  if (kind == PEER_WRITE && is_sane && (!is_dropped || cookie % 2 == 0))
    memcpy (self->disk + offset, data, length);
  if (kind == 6 && is_sane)
    memset (self->disk + offset, 0, length);
  if (kind == PEER_READ && is_sane)
    memcpy (reply + 16, self->disk + offset, length);
  cookie += self->is_confused ? 1000 : 0;
  self->is_confused = FALSE;
  g_mutex_unlock (&self->mutex);

  put_number (reply, 0x67446698, 4);
  put_number (reply + 4, is_leaving ? 108 : is_sane ? 0 : 22, 4);
  put_number (reply + 8, cookie, 8);
  if (is_ignored)
    {
      g_main_context_wakeup (NULL);
      return TRUE;
    }
  if (is_leaving)
    return put (fd, reply, 16);
  return !is_dropped && put (fd, reply, 16 + (kind == PEER_READ && is_sane ? length : 0));
}

static void
serve (Peer *self, int fd)
{
  guint8 request[28];

  if (greet (self, fd))
    while (get (fd, request, sizeof request) && answer_command (self, fd, request))
      ;
}

/* -- Clients. -- */

static void
forget (Peer *self, int fd)
{
  for (guint i = 0; i < self->fds->len; i++)
    if (g_array_index (self->fds, int, i) == fd)
      g_array_remove_index_fast (self->fds, i--);
  close (fd);
}

static gpointer
client_main (gpointer data)
{
  Client *client = data;
  Peer *self = client->peer;
  gboolean is_wanted;

  g_mutex_lock (&self->mutex);
  is_wanted = self->n_hang_ups == 0;
  self->n_hang_ups -= is_wanted ? 0 : 1;
  while (self->is_silent && !self->is_ending)
    g_cond_wait (&self->changed, &self->mutex);
  is_wanted &= !self->is_ending;
  g_mutex_unlock (&self->mutex);

  if (is_wanted)
    serve (self, client->fd);

  g_mutex_lock (&self->mutex);
  forget (self, client->fd);
  g_mutex_unlock (&self->mutex);
  g_free (client);
  g_main_context_wakeup (NULL);
  return NULL;
}

static void
take_client (Peer *self, int fd)
{
  Client *client = g_new (Client, 1);

  *client = (Client){ self, fd };
  g_mutex_lock (&self->mutex);
  self->n_clients++;
  g_array_append_val (self->fds, fd);
  g_ptr_array_add (self->threads, g_thread_new ("nbd-peer-client", client_main, client));
  g_mutex_unlock (&self->mutex);
}

static gpointer
accepter_main (gpointer data)
{
  Peer *self = data;
  int fd;

  while ((fd = TEMP_FAILURE_RETRY (accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC))) >= 0)
    take_client (self, fd);
  return NULL;
}

int
peer_connect (Peer *self)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  take_client (self, fds[0]);
  return fds[1];
}

/* -- Life. -- */

Peer *
peer_new (guint64 size, guint flags)
{
  Peer *self = g_new0 (Peer, 1);
  struct sockaddr_un where = { .sun_family = AF_UNIX };
  g_autoptr (GError) error = NULL;

  self->folder = g_dir_make_tmp ("banyan-nbd-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->folder, "nbd.sock", NULL);
  self->disk = g_malloc0 (MAX_BYTES);
  self->size = size;
  self->flags = flags;
  self->drop_kind = self->ignore_kind = self->leave_kind = NEVER;
  self->fds = g_array_new (FALSE, FALSE, sizeof (int));
  self->threads = g_ptr_array_new ();

  g_strlcpy (where.sun_path, self->path, sizeof where.sun_path);
  self->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (self->listener, (struct sockaddr *) &where, sizeof where), ==, 0);
  g_assert_cmpint (listen (self->listener, 16), ==, 0);
  self->accepter = g_thread_new ("nbd-peer", accepter_main, self);
  return self;
}

const char *
peer_get_path (Peer *self)
{
  return self->path;
}

void
peer_drop_all (Peer *self)
{
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->fds->len; i++)
    shutdown (g_array_index (self->fds, int, i), SHUT_RDWR);
  g_mutex_unlock (&self->mutex);
}

void
peer_free (Peer *self)
{
  shutdown (self->listener, SHUT_RDWR);
  g_thread_join (self->accepter);
  g_mutex_lock (&self->mutex);
  self->is_ending = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
  peer_drop_all (self);
  for (guint i = 0; i < self->threads->len; i++)
    g_thread_join (self->threads->pdata[i]);

  close (self->listener);
  g_unlink (self->path);
  g_rmdir (self->folder);
  g_ptr_array_unref (self->threads);
  g_array_unref (self->fds);
  g_free (self->disk);
  g_free (self->path);
  g_free (self->folder);
  g_free (self);
}

BanyanTestGraph *
peer_load (Peer *self, const char *options, GError **error)
{
  gboolean has_server = strstr (options, "server:") != NULL;
  g_autofree char *server = g_strdup_printf (", server: { type: unix, path: %s }", self->path);
  g_autofree char *document
      = g_strdup_printf ("version: 1\n"
                         "objects: { io0: { type: iothread }, io1: { type: iothread } }\n"
                         "nodes: { disk: { driver: nbd%s%s } }\n",
                         has_server ? "" : server, options);

  return banyan_test_graph_new_in_real_time (document, error);
}

BanyanTestGraph *
peer_must_load (Peer *self, const char *options)
{
  g_autoptr (GError) error = NULL;
  BanyanTestGraph *graph = peer_load (self, options, &error);

  g_assert_no_error (error);
  return graph;
}

/* -- Orders. -- */

#define ORDER(statement) \
  G_STMT_START \
  { \
    g_mutex_lock (&self->mutex); \
    statement; \
    g_cond_broadcast (&self->changed); \
    g_mutex_unlock (&self->mutex); \
  } \
  G_STMT_END

void
peer_hang_up (Peer *self, guint count)
{
  ORDER (self->n_hang_ups = count);
}

void
peer_be_silent (Peer *self, gboolean is_silent)
{
  ORDER (self->is_silent = is_silent);
}

void
peer_drop_at (Peer *self, guint kind)
{
  ORDER (self->drop_kind = kind);
}

void
peer_drop_each (Peer *self, guint count)
{
  ORDER (self->drop_each = count);
}

void
peer_ignore (Peer *self, guint kind)
{
  ORDER (self->ignore_kind = kind);
}

void
peer_leave_at (Peer *self, guint kind)
{
  ORDER (self->leave_kind = kind);
}

void
peer_confuse (Peer *self)
{
  ORDER (self->is_confused = TRUE);
}

void
peer_resize (Peer *self, guint64 size)
{
  ORDER (self->size = size);
}

guint
peer_count_clients (Peer *self)
{
  guint n;

  ORDER (n = self->n_clients);
  return n;
}

guint
peer_count_ignored (Peer *self)
{
  guint n;

  ORDER (n = self->n_ignored);
  return n;
}
