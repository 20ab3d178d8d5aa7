/* img-make.c - banyan img: images that are made
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "img.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Behind those that QEMU's locks are made of. */
#define CLAIM_BYTE 300

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_COMMAND_LINE };

/* -- Types of options. -- */

/* (transfer full) (nullable): where @driver's images can be made */
static GObjectClass *
get_class (const char *driver)
{
  GType type = banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                                 1u << BANYAN_PLUGIN_IMAGE, driver, NULL);

  return type != G_TYPE_INVALID ? g_type_class_ref (type) : NULL;
}

static gboolean
has_option (GObjectClass *klass, const char *key)
{
  guint n;
  g_autofree GParamSpec **pspecs = g_object_class_list_properties (klass, &n);

  for (guint i = 0; i < n; i++)
    {
      const char *const *aliases = banyan_param_get_aliases (pspecs[i]);

      if (g_str_equal (pspecs[i]->name, key) || (aliases != NULL && g_strv_contains (aliases, key)))
        return TRUE;
    }
  return FALSE;
}

gboolean
img_complain_of_format (const char *format, CliStatus *status)
{
  BanyanRegistry *registry = banyan_registry_get_default ();
  g_autoptr (BanyanTypeInfo) other = NULL;
  g_autoptr (GError) error = NULL;

  if (banyan_registry_get_type_by_name (registry, 1u << BANYAN_PLUGIN_IMAGE, format, &error)
      != G_TYPE_INVALID)
    return FALSE;

  other = banyan_registry_lookup (registry, G_MAXUINT & ~(1u << BANYAN_PLUGIN_IMAGE), format);
  *status = other != NULL ? cli_fail (CLI_FAILED,
                                      "%s makes no images; banyan inspect lists what does, under "
                                      "\"Images\"",
                                      format)
                          : cli_fail_with (error);
  return TRUE;
}

/* Else a file would be made that is called so, and the data not be where it was meant to be. */
gboolean
img_complain_of_name (const char *filename, const char *format)
{
  g_autofree char *dotted = NULL;

  if (!cli_name_is_for_qemu (filename))
    return FALSE;

  dotted = cli_name_to_dotted (filename, format);
  cli_message ("no file is called %s, and names are not looked into; what is there is written to "
               "by convert -n --target-image-opts '%s', and ./%s makes a file",
               filename, dotted, filename);
  return TRUE;
}

/* -- Help. -- */

/* Where QEMU's name has a dot, people know that one. */
static const char *
known_name (GParamSpec *pspec)
{
  const char *const *aliases = banyan_param_get_aliases (pspec);

  for (; aliases != NULL && *aliases != NULL; aliases++)
    if (strchr (*aliases, '.') != NULL)
      return *aliases;
  return pspec->name;
}

static void
add_option (CliTable *table, GParamSpec *pspec)
{
  g_autofree char *type = banyan_param_describe_type (pspec);
  g_autofree char *usual = banyan_param_describe_default (pspec);
  g_autofree char *flag = g_strdup_printf ("%s=<%s>", known_name (pspec), type);
  g_autofree char *words = usual != NULL
                               ? g_strdup_printf ("%s (%s)", g_param_spec_get_blurb (pspec), usual)
                               : g_strdup (g_param_spec_get_blurb (pspec));

  cli_table_add (table, flag, words);
}

static void
append_options (GString *text, const char *driver, GObjectClass *klass, GObjectClass *but)
{
  g_autoptr (CliTable) table = cli_table_new (2, 2);
  guint n;
  g_autofree GParamSpec **pspecs = g_object_class_list_properties (klass, &n);

  g_string_append_printf (text, "Supported %s options:\n", driver);
  for (guint i = 0; i < n; i++)
    if ((but == NULL || !has_option (but, pspecs[i]->name))
        && !g_str_equal (pspecs[i]->name, "filename"))
      add_option (table, pspecs[i]);
  cli_table_append_to (table, text);
}

gboolean
img_print_options (char **options, const char *format, CliStatus *status)
{
  g_autoptr (GString) text = g_string_new (NULL);
  GObjectClass *klass, *file;

  if (options == NULL
      || !(g_strv_contains ((const char *const *) options, "help")
           || g_strv_contains ((const char *const *) options, "?")))
    return FALSE;
  if (img_complain_of_format (format, status))
    return TRUE;

  klass = get_class (format);
  file = get_class ("file");
  append_options (text, format, klass, NULL);
  if (file != NULL && file != klass)
    append_options (text, "file", file, klass);
  g_clear_pointer (&file, g_type_class_unref);
  g_type_class_unref (klass);

  *status = cli_print (text->str);
  return TRUE;
}

/* -- What goes to who opens it. -- */

/* As qemu-img: what names the passphrase, and how qcow2 uses it; at any depth. */
BanyanSpec *
img_pick_secrets (BanyanSpec *options)
{
  BanyanSpecBuilder *picked = banyan_spec_builder_new_map ();

  for (guint i = 0; i < banyan_spec_get_length (options); i++)
    {
      const char *key = banyan_spec_get_key (options, i);
      BanyanSpec *item = banyan_spec_get_item (options, i);

      if (g_str_has_suffix (key, "key-secret") || g_str_equal (key, "encrypt-format")
          || g_str_equal (key, "format"))
        banyan_spec_builder_take (picked, key, banyan_spec_ref (item));
      else if (g_str_equal (key, "encrypt") && banyan_spec_get_kind (item) == BANYAN_SPEC_MAP)
        banyan_spec_builder_take (picked, key, img_pick_secrets (item));
    }
  return banyan_spec_builder_end (picked);
}

/* -- What goes to the format, and what to the file that it is in. -- */

static void
set_text (BanyanSpec **map, const char *key, const char *text)
{
  g_autoptr (BanyanSpec) before = *map;
  g_autoptr (BanyanSpec) value = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &origin);

  *map = banyan_spec_with (before, key, value);
}

/* Takes from @map what only the file can be told. */
static BanyanSpec *
split_off_file_options (BanyanSpec **map, const char *format)
{
  BanyanSpec *file_options = banyan_spec_builder_end (banyan_spec_builder_new_map ());
  GObjectClass *klass = get_class (format), *file = get_class ("file");
  g_autoptr (BanyanSpec) all = banyan_spec_ref (*map);

  for (guint i = 0; file != NULL && i < banyan_spec_get_length (all); i++)
    {
      const char *key = banyan_spec_get_key (all, i);
      g_autoptr (BanyanSpec) before = NULL;

      if (has_option (klass, key) || !has_option (file, key))
        continue;
      set_text (&file_options, key, banyan_spec_get_text (banyan_spec_get_item (all, i)));
      before = *map;
      *map = banyan_spec_with (before, key, NULL);
    }

  g_clear_pointer (&file, g_type_class_unref);
  g_type_class_unref (klass);
  return file_options;
}

typedef struct
{
  BanyanImageOptions *file;  /* (owned) */
  BanyanImageOptions *image; /* (owned) (nullable): it is the file */
  BanyanImageOptions *data;  /* (owned) (nullable): a file that the image keeps its data in */
  char *data_name;           /* (owned) (nullable) */
} Wanted;

static void
wanted_clear (Wanted *self)
{
  g_clear_object (&self->file);
  g_clear_object (&self->image);
  g_clear_object (&self->data);
  g_clear_pointer (&self->data_name, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Wanted, wanted_clear)

/* A name in a header has no prefix; qemu-img takes one, and does not write it down. */
static void
strip_data_file (BanyanSpec **map)
{
  g_autofree char *name = g_strdup (banyan_spec_lookup_text (*map, "data-file"));

  if (name != NULL && g_str_has_prefix (name, "file:"))
    set_text (map, "data-file", name + strlen ("file:"));
}

static BanyanSpec *
describe (const ImgMake *make)
{
  BanyanSpec *map = make->options != NULL
                        ? banyan_spec_ref (make->options)
                        : banyan_spec_builder_end (banyan_spec_builder_new_map ());

  if (make->has_length)
    {
      g_autofree char *length = g_strdup_printf ("%" G_GUINT64_FORMAT, make->length);

      set_text (&map, "size", length);
    }
  if (make->backing != NULL)
    set_text (&map, "backing-file", make->backing);
  if (make->backing_format != NULL)
    set_text (&map, "backing-fmt", make->backing_format);
  strip_data_file (&map);
  return map;
}

/* Space is taken there: the image only has entries that lead to it. */
static void
set_preallocation (BanyanSpec **map, BanyanImageOptions *image)
{
  gint mode = BANYAN_PREALLOCATION_OFF;

  if (g_object_class_find_property (G_OBJECT_GET_CLASS (image), "preallocation") != NULL)
    g_object_get (image, "preallocation", &mode, NULL);
  if (mode > BANYAN_PREALLOCATION_METADATA)
    set_text (map, "preallocation", mode == BANYAN_PREALLOCATION_FULL ? "full" : "falloc");
}

/* It lies where it will be looked for: relative to where one works, and not to the image. */
static gboolean
read_data_file (const ImgMake *make, Wanted *wanted, GError **error)
{
  g_autoptr (BanyanSpec) map = banyan_spec_builder_end (banyan_spec_builder_new_map ());
  g_autofree char *length = NULL, *name = NULL, *path = NULL;

  if (g_object_class_find_property (G_OBJECT_GET_CLASS (wanted->image), "data-file") == NULL)
    return TRUE;
  g_object_get (wanted->image, "data-file", &name, NULL);
  if (name == NULL)
    return TRUE;

  wanted->data_name = g_strdup (name);
  path = g_canonicalize_filename (name, NULL);
  if (img_means_itself (make->filename, path))
    return banyan_throw_errno (error, EINVAL, "%s cannot be its own data file", name);
  length = g_strdup_printf ("%" G_GUINT64_FORMAT, banyan_image_options_get_length (wanted->image));
  set_text (&map, "filename", wanted->data_name);
  set_text (&map, "size", length);
  set_preallocation (&map, wanted->image);
  wanted->data = banyan_image_options_new ("file", map, error);
  return wanted->data != NULL;
}

/* All options are looked at before anything is made. */
static gboolean
read_wanted (const ImgMake *make, Wanted *wanted, GError **error)
{
  gboolean is_file = g_str_equal (make->format, "file");
  g_autoptr (BanyanSpec) map = describe (make);
  g_autoptr (BanyanSpec) file
      = is_file ? banyan_spec_ref (map) : split_off_file_options (&map, make->format);

  set_text (&file, "filename", make->filename);
  if (!is_file)
    wanted->image = banyan_image_options_new (make->format, map, error);
  if (is_file || (wanted->image != NULL && read_data_file (make, wanted, error)))
    wanted->file = banyan_image_options_new ("file", file, error);
  return wanted->file != NULL;
}

/* -- What was not there before. -- */

/* Files that were not there before. One command runs in a process. */
static GPtrArray *made; /* (owned) (nullable) (element-type filename) */

/* What a link that leads nowhere leads to, or @filename. (transfer full) */
static char *
follow_link (const char *filename)
{
  g_autofree char *link = g_file_read_link (filename, NULL);
  g_autofree char *folder = g_path_get_dirname (filename);

  if (link == NULL)
    return g_strdup (filename);
  return g_path_is_absolute (link) ? g_strdup (link) : g_build_filename (folder, link, NULL);
}

/* FALSE: another command has it. Where nothing can be locked, nothing is. */
static gboolean
lock_claim (int fd)
{
  struct flock lock
      = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = CLAIM_BYTE, .l_len = 1 };

  return fcntl (fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

/* Whoever had it before may have taken it away. */
static gboolean
is_still_there (int fd, const char *path)
{
  struct stat ours, theirs;

  return fstat (fd, &ours) == 0 && stat (path, &theirs) == 0 && ours.st_dev == theirs.st_dev
         && ours.st_ino == theirs.st_ino;
}

static void
note_made (const char *path)
{
  if (made == NULL)
    made = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (made, g_strdup (path));
}

/* A file is closed and opened again between being made and being filled. The claim lasts as long as
 * this process, so that of several commands that make one file at a time one does. What is wrong
 * with the name is told when the file is made. */
static gboolean
claim (const char *filename)
{
  const int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  g_autofree char *path = follow_link (filename);

  for (guint n_tries = 0; n_tries < 100; n_tries++)
    {
      int new_fd = open (path, flags | O_CREAT | O_EXCL, 0644);
      int fd = new_fd < 0 && errno == EEXIST ? open (path, flags) : new_fd;

      if (fd < 0 && errno == ENOENT && access (path, F_OK) == 0)
        continue;
      if (fd < 0)
        return TRUE;
      if (!lock_claim (fd))
        {
          close (fd);
          cli_message ("%s is being made by another command", filename);
          return FALSE;
        }
      if (new_fd >= 0)
        note_made (path);
      if (new_fd >= 0 || is_still_there (fd, path))
        return TRUE;
      close (fd);
    }

  return TRUE;
}

gboolean
img_unmake (void)
{
  static gboolean is_any;

  for (guint i = 0; made != NULL && i < made->len; i++)
    unlink (made->pdata[i]);
  is_any |= made != NULL;
  g_clear_pointer (&made, g_ptr_array_unref);
  return is_any;
}

CliStatus
img_close_made (ImgImage *self, CliStatus status)
{
  /* As long as it is locked nobody else can have begun to write it. */
  if (status != CLI_DONE)
    img_unmake ();
  return img_close (self, status);
}

/* -- Making. -- */

typedef struct
{
  BanyanImageOptions *options;
  GError *error;
  gboolean is_over;
} Making;

static gboolean
end_making (gpointer data)
{
  ((Making *) data)->is_over = TRUE;
  return G_SOURCE_REMOVE;
}

static void BANYAN_COROUTINE
make_file_main (gpointer data)
{
  Making *making = data;

  banyan_image_options_create (making->options, NULL, &making->error);
  g_idle_add (end_making, making);
}

/* What a protocol makes is no node yet, so there is no way into a graph to be taken. */
static gboolean
make_file (BanyanGraph *graph, BanyanImageOptions *options, GError **error)
{
  Making making = { .options = options };

  banyan_coroutine_start_on (banyan_graph_get_loop (graph), make_file_main, &making);
  while (!making.is_over)
    g_main_context_iteration (NULL, TRUE);
  if (making.error == NULL)
    return TRUE;

  g_propagate_error (error, making.error);
  return FALSE;
}

static gboolean BANYAN_COROUTINE
make_inside (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_image_options_create (data, banyan_channel_get_child (channel), error)
         && banyan_channel_flush (channel, error);
}

static CliStatus
make_image (const ImgMake *make, BanyanImageOptions *options)
{
  ImgSource source = { .argument = make->filename, .format = "file", .may_write = TRUE };
  g_autoptr (GError) error = NULL;
  ImgImage file;
  CliStatus status = img_open (&file, &source);

  if (status != CLI_DONE)
    return status;
  if (!banyan_image_options_bind (options, file.graph, &error)
      || !img_run_inside (&file, make_inside, options, &error))
    status = cli_fail_with (error);
  return img_close_made (&file, status);
}

static CliStatus
make_both (const ImgMake *make, const Wanted *wanted)
{
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (GError) error = NULL;
  gboolean is_made = make_file (graph, wanted->file, &error)
                     && (wanted->data == NULL || make_file (graph, wanted->data, &error));

  banyan_graph_close (graph, NULL);
  if (!is_made)
    return cli_fail_with (error);

  return wanted->image != NULL ? make_image (make, wanted->image) : CLI_DONE;
}

CliStatus
img_make (const ImgMake *make)
{
  g_auto (Wanted) wanted = { NULL };
  g_autoptr (GError) error = NULL;
  CliStatus status;

  if (img_complain_of_format (make->format, &status))
    return status;
  if (img_complain_of_name (make->filename, make->format))
    return CLI_NOT_FOUND;
  if (!read_wanted (make, &wanted, &error))
    return cli_fail_with (error);

  if (!claim (make->filename) || (wanted.data_name != NULL && !claim (wanted.data_name)))
    return CLI_REFUSED;
  return make_both (make, &wanted);
}
