/* img-open.c - banyan img: images that are used
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- Which format. -- */

/* How an image begins, and how it ends. */
typedef struct
{
  guint8 head[BANYAN_PROBE_BYTES];
  gsize head_length;
  guint8 tail[BANYAN_PROBE_END_BYTES];
  gsize tail_length;
  guint64 length;
} Sample;

static gboolean
read_at (int fd, guint64 offset, guint8 *bytes, gsize *length)
{
  gssize n = TEMP_FAILURE_RETRY (pread (fd, bytes, *length, offset));

  *length = MAX (n, 0);
  return n >= 0;
}

/* FALSE: it could not be read, which whoever opens it tells better. */
static gboolean
read_sample (const char *filename, Sample *sample)
{
  int fd = open (filename, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  gboolean is_read;
  off_t end;

  if (fd < 0)
    return FALSE;

  end = lseek (fd, 0, SEEK_END);
  sample->length = MAX (end, 0);
  sample->head_length = sizeof sample->head;
  sample->tail_length = MIN (sizeof sample->tail, sample->length);
  is_read
      = read_at (fd, 0, sample->head, &sample->head_length)
        && read_at (fd, sample->length - sample->tail_length, sample->tail, &sample->tail_length);
  close (fd);
  return is_read;
}

/* What is at the end, the guest of a raw disk may have put there as well. */
static const char *
probe_end (const char *filename, const Sample *sample)
{
  guint confidence;
  const char *format
      = banyan_format_probe_end (sample->tail, sample->tail_length, sample->length, &confidence);

  if (format != NULL)
    cli_message ("warning: %s is taken for %s by how it ends, which a guest can write to a raw "
                 "disk as well. Say -f %s, or -f raw",
                 filename, format, format);
  return format;
}

/* Raw is what a guest may make look like anything. QEMU's users know this warning. */
static const char *
probe (const char *filename, gboolean may_write)
{
  Sample sample;
  guint confidence;
  const char *format, *by_end;

  if (!read_sample (filename, &sample))
    return "raw";

  format = banyan_format_probe (sample.head, sample.head_length, &confidence);
  if (format != NULL && confidence > BANYAN_PROBE_ANYTHING)
    return format;
  by_end = probe_end (filename, &sample);
  if (by_end != NULL)
    return by_end;

  if (format != NULL && may_write)
    cli_message ("warning: nothing says which format %s has, and it looks like none but %s; a "
                 "guest that writes to it can make it look like another. Say -f %s",
                 filename, format, format);
  return format != NULL ? format : "raw";
}

static gboolean
is_document (const ImgSource *source, char **file, char **node)
{
  const char *colon = strrchr (source->argument, ':');
  const char *end = colon != NULL ? colon : source->argument + strlen (source->argument);
  g_autofree char *path = g_strndup (source->argument, end - source->argument);

  if (source->is_dotted || source->format != NULL
      || !(g_str_has_suffix (path, ".yaml") || g_str_has_suffix (path, ".yml")))
    return FALSE;

  *node = colon != NULL ? g_strdup (colon + 1) : NULL;
  *file = g_steal_pointer (&path);
  return TRUE;
}

/* -- Opening. -- */

/* An id goes before a name. (transfer full) (nullable) */
static char *
dup_snapshot_key (const char *text)
{
  g_auto (GStrv) parts = text != NULL ? g_strsplit (text, ",", -1) : NULL;
  const char *key = text;

  for (guint i = 0; parts != NULL && parts[i] != NULL; i++)
    if (g_str_has_prefix (parts[i], "snapshot.name=") && key == text)
      key = parts[i] + strlen ("snapshot.name=");
    else if (g_str_has_prefix (parts[i], "snapshot.id="))
      key = parts[i] + strlen ("snapshot.id=");
  return g_strdup (key);
}

/* The graph would advise to use it read-only, which img does for no command that changes images. */
static CliStatus
explain_refusal (ImgImage *self, const ImgSource *source, const GError *error)
{
  gboolean is_conflict = g_error_matches (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT);
  g_autofree char *why
      = source->may_write && is_conflict ? cli_node_explain_only_reads (self->node) : NULL;

  return why != NULL ? cli_fail (CLI_REFUSED, "%s", why) : cli_fail_with (error);
}

static CliStatus
enter (ImgImage *self, const ImgSource *source)
{
  guint writes = source->repairs ? BANYAN_PERMISSION_WRITE_UNCHANGED
                                 : BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE;
  guint used = (source->only_looks ? 0 : BANYAN_PERMISSION_CONSISTENT_READ)
               | (source->may_write ? writes : 0);
  g_autoptr (GError) error = NULL;

  self->backend = banyan_backend_new (self->node, "img", used, BANYAN_PERMISSIONS_ALL, &error);
  return self->backend != NULL ? CLI_DONE : explain_refusal (self, source, error);
}

CliStatus
img_open (ImgImage *self, const ImgSource *source)
{
  CliStatus status = CLI_DONE;
  g_autofree char *file = NULL;
  g_autofree char *node = NULL;
  g_autofree char *snapshot = dup_snapshot_key (source->snapshot);
  g_autoptr (BanyanSpec) objects = cli_image_read_objects (img_options.objects, &status);
  CliImageSource what = {
    .cache = source->cache,
    .snapshot = snapshot,
    .objects = objects,
    .options = source->secrets,
    .name = source->argument,
    .read_only = !source->may_write,
    .force_share = source->is_shared && !source->may_write,
    .without_backing = source->without_backing,
  };

  *self = (ImgImage){ .name = source->argument };
  if (status != CLI_DONE)
    return status;

  if (source->spec != NULL)
    what.spec = source->spec;
  else if (is_document (source, &file, &node))
    what = (CliImageSource){ .argument = file, .node = node };
  else if (source->is_dotted)
    what.dotted = source->argument;
  else
    {
      what.argument = source->argument;
      what.driver
          = source->format != NULL ? source->format : probe (source->argument, source->may_write);
    }

  self->graph = banyan_graph_new ();
  status = cli_image_open (self->graph, &what, &self->node);
  if (status == CLI_DONE)
    status = enter (self, source);
  return status == CLI_DONE ? CLI_DONE : img_close (self, status);
}

/* What @image means by @name, which has no prefix. (transfer full) */
static char *
resolve_backing (const char *image, const char *name)
{
  g_autofree char *folder = g_path_get_dirname (image);

  return g_path_is_absolute (name) ? g_strdup (name) : g_build_filename (folder, name, NULL);
}

gboolean
img_means_itself (const char *image, const char *name)
{
  g_autofree char *path = resolve_backing (image, name);
  g_autofree char *whole = g_canonicalize_filename (path, NULL);
  g_autofree char *own = g_canonicalize_filename (image, NULL);
  struct stat backing, top;

  if (banyan_file_name_has_prefix (name))
    return FALSE;
  return stat (path, &backing) == 0 && stat (image, &top) == 0
             ? backing.st_dev == top.st_dev && backing.st_ino == top.st_ino
             : g_str_equal (whole, own);
}

CliStatus
img_open_backing (ImgImage *self, const char *image, const char *name, ImgSource source)
{
  static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };
  g_autofree char *path = NULL;
  g_autoptr (BanyanSpec) spec = NULL;
  g_autoptr (GError) error = NULL;

  if (!banyan_file_name_has_prefix (name))
    {
      path = resolve_backing (image, name);
      source.argument = path;
      return img_open (self, &source);
    }

  spec = banyan_spec_from_backing_name (name, source.format, &origin, &error);
  if (spec == NULL)
    return cli_fail (CLI_FAILED, "%s: %s", name, error->message);

  source.argument = name;
  source.spec = spec;
  return img_open (self, &source);
}

static CliStatus
open_argument (ImgImage *self, const char *argument, ImgSource source)
{
  CliStatus status = img_options_check ();

  source.argument = argument;
  source.format = img_options.format;
  source.cache = source.may_write ? img_options.cache : img_options.source_cache;
  source.snapshot = img_options.snapshot;
  source.is_dotted = img_options.is_dotted;
  source.is_shared = img_options.is_shared;
  return status == CLI_DONE ? img_open (self, &source) : status;
}

CliStatus
img_open_argument (ImgImage *self, const char *argument, gboolean may_write,
                   gboolean without_backing)
{
  return open_argument (self, argument,
                        (ImgSource){ .may_write = may_write, .without_backing = without_backing });
}

/* What is so damaged that nothing is written to it any more has to be open to this. */
CliStatus
img_open_to_repair (ImgImage *self, const char *argument)
{
  return open_argument (self, argument,
                        (ImgSource){ .may_write = TRUE, .repairs = TRUE, .without_backing = TRUE });
}

CliStatus
img_open_to_look (ImgImage *self, const char *argument, gboolean without_backing)
{
  return open_argument (self, argument,
                        (ImgSource){ .only_looks = TRUE, .without_backing = without_backing });
}

CliStatus
img_close (ImgImage *self, CliStatus status)
{
  g_autoptr (GError) error = NULL;

  if (self->backend != NULL)
    banyan_backend_close (self->backend);
  g_clear_object (&self->backend);
  if (self->graph != NULL)
    cli_image_close (self->graph, &error);
  g_clear_object (&self->graph);

  return error == NULL || status != CLI_DONE ? status : cli_fail_with (error);
}

/* -- Asking. -- */

const char *
img_get_format (BanyanNode *node)
{
  const char *name
      = banyan_registry_get_name_of_type (banyan_registry_get_default (), G_OBJECT_TYPE (node));

  return name != NULL ? name : G_OBJECT_TYPE_NAME (node);
}

BanyanNode *
img_get_backing (BanyanNode *node)
{
  g_autoptr (GPtrArray) children = banyan_element_list_children (BANYAN_ELEMENT (node));

  for (guint i = 0; i < children->len; i++)
    if (banyan_child_get_role_flags (children->pdata[i]) & BANYAN_CHILD_COW)
      return banyan_child_get_node (children->pdata[i]);

  return NULL;
}

char *
img_dup_filename (BanyanNode *node)
{
  return cli_node_dup_filename (node);
}

static gboolean
is_file (BanyanNode *node, const struct stat *wanted)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (node), "filename");
  g_autofree char *filename = NULL;
  struct stat found;

  if (pspec == NULL || !G_IS_PARAM_SPEC_STRING (pspec))
    return FALSE;

  g_object_get (node, "filename", &filename, NULL);
  return filename != NULL && stat (filename, &found) == 0 && found.st_dev == wanted->st_dev
         && found.st_ino == wanted->st_ino;
}

static gboolean
is_within (BanyanNode *node, const struct stat *wanted)
{
  g_autoptr (GPtrArray) children = banyan_element_list_children (BANYAN_ELEMENT (node));

  if (is_file (node, wanted))
    return TRUE;
  for (guint i = 0; i < children->len; i++)
    {
      BanyanNode *below = banyan_child_get_node (children->pdata[i]);

      if (below != NULL && is_within (below, wanted))
        return TRUE;
    }

  return FALSE;
}

gboolean
img_lies_in (BanyanNode *node, const char *filename)
{
  struct stat wanted;

  return stat (filename, &wanted) == 0 && is_within (node, &wanted);
}

guint64
img_get_cluster_size (BanyanNode *node)
{
  guint64 size;

  return cli_node_get_number (node, "cluster-size", &size) && size > 0 ? size : 65536;
}

/* -- Working. -- */

typedef struct
{
  BanyanChannelFunc func;
  gpointer data;
} Inside;

static gboolean BANYAN_COROUTINE
run_inside (BanyanChannel *channel, gpointer data, GError **error)
{
  Inside *inside = data;
  gboolean is_done;

  banyan_channel_enter (channel);
  is_done = inside->func (channel, inside->data, error);
  banyan_channel_leave (channel);
  return is_done;
}

gboolean
img_run_inside (ImgImage *self, BanyanChannelFunc func, gpointer data, GError **error)
{
  Inside inside = { func, data };

  return banyan_backend_run (self->backend, run_inside, &inside, error);
}

static gboolean BANYAN_COROUTINE
grow (BanyanChannel *channel, gpointer data, GError **error)
{
  switch (banyan_channel_resize (channel, data, error))
    {
    case BANYAN_DONE:
      return TRUE;
    case BANYAN_UNSUPPORTED:
      return banyan_throw_errno (error, ENOTSUP, "the image cannot be resized");
    default:
      return FALSE;
    }
}

CliStatus
img_refuse_to_shorten (const ImgImage *self, guint64 length, const char *option)
{
  return cli_fail (CLI_REFUSED,
                   "%s has %" G_GUINT64_FORMAT " bytes; what lies behind %" G_GUINT64_FORMAT
                   " would be lost. %s does it all the same",
                   self->name, banyan_node_get_length (self->node), length, option);
}

gboolean
img_set_length (ImgImage *self, guint64 length, BanyanPreallocation preallocation, GError **error)
{
  BanyanResize resize = {
    .size = sizeof resize,
    .preallocation = preallocation,
    .length = length,
    .exact = TRUE,
  };
  g_autoptr (BanyanTransaction) transaction = NULL;

  if (length >= banyan_node_get_length (self->node))
    return banyan_backend_run (self->backend, grow, &resize, error);

  transaction = banyan_transaction_new (self->graph);
  banyan_transaction_resize (transaction, self->node, length);
  return banyan_transaction_commit (transaction, error);
}
