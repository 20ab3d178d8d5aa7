/* banyan-secret.c - something that is told to the program and by nobody else
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Others link to a secret and ask for its bytes; whoever looks at it, or at what was declared, sees
 * that there is one. The bytes are read once, when it opens, so that a sandbox may come after, and
 * are wiped when it closes. */

#include <banyan/banyan-graph.h>
#include <banyan/banyan-secret.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No password is as long; what is, is another file. */
#define MAX_BYTES 65536

typedef enum
{
  FORMAT_RAW,
  FORMAT_BASE64,
} Format;

struct _BanyanSecret
{
  BanyanObject parent_instance;

  char *data; /* (owned) (nullable) */
  char *file; /* (owned) (nullable) */
  int serial; /* 0: none */
  Format format;

  guint8 *bytes; /* (owned) (nullable): while it is open */
  gsize length;
};

G_DEFINE_FINAL_TYPE (BanyanSecret, banyan_secret, BANYAN_TYPE_OBJECT)

static GType
format_get_type (void)
{
  static const GEnumValue values[] = {
    { FORMAT_RAW, "BANYAN_SECRET_FORMAT_RAW", "raw" },
    { FORMAT_BASE64, "BANYAN_SECRET_FORMAT_BASE64", "base64" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanSecretFormat", values));
  return type;
}

/* -- Reading. -- */

static void
wipe (BanyanSecret *self)
{
  if (self->bytes != NULL)
    explicit_bzero (self->bytes, self->length);
  g_clear_pointer (&self->bytes, g_free);
  self->length = 0;
}

static BanyanDescriptors *
descriptors_of (BanyanSecret *self)
{
  BanyanObject *root = banyan_object_get_root (BANYAN_OBJECT (self));

  return BANYAN_IS_GRAPH (root) ? banyan_graph_get_descriptors (BANYAN_GRAPH (root)) : NULL;
}

static gboolean
read_all (BanyanSecret *self, int fd, GError **error)
{
  gssize n = 0;

  self->bytes = g_malloc0 (MAX_BYTES + 1);
  do
    {
      self->length += n;
      n = TEMP_FAILURE_RETRY (read (fd, self->bytes + self->length, MAX_BYTES + 1 - self->length));
    }
  while (n > 0);

  if (n < 0)
    return banyan_throw_errno (error, errno, "reading %s", self->file);
  if (self->length > MAX_BYTES)
    return banyan_throw_errno (error, EFBIG, "%s is longer than %d bytes", self->file, MAX_BYTES);
  return TRUE;
}

static gboolean
read_file (BanyanSecret *self, GError **error)
{
  BanyanDescriptors *descriptors = descriptors_of (self);
  gboolean is_passed = descriptors != NULL && banyan_descriptors_is_path (self->file);
  gboolean is_read;
  int fd;

  if (is_passed)
    fd = banyan_descriptors_open (descriptors, self->file, O_RDONLY, error);
  else if ((fd = open (self->file, O_RDONLY | O_CLOEXEC | O_NOCTTY)) < 0)
    banyan_throw_errno (error, errno, "opening %s", self->file);
  if (fd < 0)
    return FALSE;

  is_read = read_all (self, fd, error);
  if (is_passed)
    banyan_descriptors_close (descriptors, fd);
  else
    close (fd);
  return is_read;
}

static gboolean
read_key (BanyanSecret *self, GError **error)
{
  long length;

  self->bytes = g_malloc0 (MAX_BYTES);
  length = syscall (SYS_keyctl, KEYCTL_READ, self->serial, self->bytes, MAX_BYTES, 0);
  if (length < 0)
    return banyan_throw_errno (error, errno, "reading key %d of the kernel", self->serial);
  if (length > MAX_BYTES)
    return banyan_throw_errno (error, EFBIG, "key %d is longer than %d bytes", self->serial,
                               MAX_BYTES);
  self->length = length;
  return TRUE;
}

/* In place. What is wrong with it is not shown. */
static gboolean
decode (BanyanSecret *self, GError **error)
{
  g_autofree char *text = g_strndup ((const char *) self->bytes, self->length);
  gsize n = strlen (g_strchomp (text));
  gboolean is_base64 = n % 4 == 0
                       && strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789+/=")
                              == n;

  wipe (self);
  if (is_base64)
    self->bytes = g_base64_decode (text, &self->length);
  explicit_bzero (text, n);
  if (is_base64)
    return TRUE;

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_SYNTAX,
               "%s: it is not base64, though format is base64",
               banyan_object_get_id (BANYAN_OBJECT (self)));
  return FALSE;
}

static gboolean
read_secret (BanyanSecret *self, GError **error)
{
  if (self->data != NULL)
    {
      self->length = strlen (self->data);
      self->bytes = (guint8 *) g_strdup (self->data);
    }
  else if (!(self->file != NULL ? read_file (self, error) : read_key (self, error)))
    {
      wipe (self);
      return FALSE;
    }

  return self->format == FORMAT_RAW || decode (self, error);
}

/**
 * banyan_secret_peek: (skip)
 * @self: a secret
 * @length: (out): how many bytes it has
 *
 * For those that link to it: to be shown nowhere, and not to be kept.
 *
 * Returns: (transfer none) (nullable): its bytes; %NULL unless it is open
 */
const guint8 *
banyan_secret_peek (BanyanSecret *self, gsize *length)
{
  g_return_val_if_fail (BANYAN_IS_SECRET (self), NULL);
  g_return_val_if_fail (length != NULL, NULL);

  *length = self->length;
  return self->bytes;
}

/* -- Its life. -- */

static void
banyan_secret_open_async (BanyanObject *object, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  BanyanSecret *self = BANYAN_SECRET (object);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;

  if (banyan_object_get_state (object) >= BANYAN_OBJECT_OPEN)
    g_task_return_new_error (task, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
                             "%s was opened before", banyan_object_get_id (object));
  else if (!read_secret (self, &error))
    g_task_return_error (task, error);
  else
    {
      banyan_object_set_state (object, BANYAN_OBJECT_OPEN);
      g_task_return_boolean (task, TRUE);
    }
}

static void
banyan_secret_close_async (BanyanObject *object, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  BanyanSecret *self = BANYAN_SECRET (object);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_auto (GStrv) users = banyan_object_describe_users (object);
  g_autofree char *list = g_strjoinv (", ", users);

  if (users[0] != NULL)
    {
      g_task_return_new_error (task, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY,
                               "%s is in use by %s; remove that first",
                               banyan_object_get_id (object), list);
      return;
    }

  wipe (self);
  banyan_object_set_state (object, BANYAN_OBJECT_CLOSED);
  g_task_return_boolean (task, TRUE);
}

static gboolean
banyan_secret_life_finish (BanyanObject *object, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
banyan_secret_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  guint n = (g_value_get_string (banyan_proposal_get (proposal, "data")) != NULL)
            + (g_value_get_string (banyan_proposal_get (proposal, "file")) != NULL)
            + (g_value_get_int (banyan_proposal_get (proposal, "serial")) != 0);

  if (n != 1)
    banyan_proposal_problem (proposal, problems, n == 0 ? "file" : "data",
                             "a secret comes from exactly one of data, file and serial");
}

static void
banyan_secret_finalize (GObject *object)
{
  BanyanSecret *self = BANYAN_SECRET (object);

  wipe (self);
  if (self->data != NULL)
    explicit_bzero (self->data, strlen (self->data));

  G_OBJECT_CLASS (banyan_secret_parent_class)->finalize (object);
}

static void
install (GObjectClass *object_class, guint id, GParamSpec *pspec)
{
  g_object_class_install_property (object_class, id,
                                   banyan_param_mutable (pspec, BANYAN_MUTABLE_BEFORE_OPEN));
}

static void
install_properties (GObjectClass *object_class)
{
  install (
      object_class, 1,
      banyan_param_secret (banyan_param_string (
          "data", "Data", "The secret itself; better is a file, which a document does not tell",
          NULL, G_STRUCT_OFFSET (BanyanSecret, data))));
  install (object_class, 2,
           banyan_param_path (banyan_param_string (
               "file", "File",
               "File that has the secret; /dev/fdset/N stands for a descriptor that was passed",
               NULL, G_STRUCT_OFFSET (BanyanSecret, file))));
  install (object_class, 3,
           banyan_param_int ("serial", "Serial", "Number of the kernel's key that has the secret",
                             BANYAN_UNIT_NONE, G_MININT, G_MAXINT, 0,
                             G_STRUCT_OFFSET (BanyanSecret, serial)));
  install (object_class, 4,
           banyan_param_enum ("format", "Format", "How the secret is written", format_get_type (),
                              FORMAT_RAW, G_STRUCT_OFFSET (BanyanSecret, format)));
}

static void
banyan_secret_class_init (BanyanSecretClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanObjectClass *banyan_class = BANYAN_OBJECT_CLASS (klass);

  object_class->finalize = banyan_secret_finalize;
  object_class->set_property = banyan_object_set_field;
  object_class->get_property = banyan_object_get_field;
  banyan_class->check = banyan_secret_check;
  banyan_class->open_async = banyan_secret_open_async;
  banyan_class->open_finish = banyan_secret_life_finish;
  banyan_class->close_async = banyan_secret_close_async;
  banyan_class->close_finish = banyan_secret_life_finish;
  install_properties (object_class);
}

static void
banyan_secret_init (BanyanSecret *self)
{
}
