/* vmdk.c - VMware's disks, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A descriptor says of which extents the disk is made, in text. It is a file of its own and names
 * those of the extents, or it is embedded in the only one. The extents of other files are children:
 * named by the descriptor, they are there only when open has returned, so that their headers are
 * read in settle. */

#include "vmdk-descriptor.h"
#include "vmdk-extent.h"

#include <errno.h>

#define AT_CAPACITY 12
#define AT_DESCRIPTOR 28
#define AT_DESCRIPTOR_SIZE 36

G_DECLARE_FINAL_TYPE (BanyanVmdk, banyan_vmdk, BANYAN, VMDK, BanyanFormat)

struct _BanyanVmdk
{
  Mapped mapped;

  GPtrArray *extents;         /* (owned) (nullable): bound to role "extents" while it is open */
  VmdkDescriptor *descriptor; /* (owned) (nullable): an extent may be without one */
  GArray *parts;              /* (owned) (element-type VmdkExtent): in the order of the disk */
  MappedInflater *inflater;   /* (owned) */
  gboolean is_split;          /* the extents are in files of their own */
  gboolean is_ready;          /* and have been looked at */
  char *create_type;          /* (owned) */
};

enum
{
  PROP_CREATE_TYPE = MAPPED_N_PROPS,
  PROP_CID,
  PROP_PARENT_CID,
};

BANYAN_DEFINE_DRIVER (BanyanVmdk, banyan_vmdk, BANYAN_TYPE_FORMAT)

static BanyanChild *
get_child (BanyanVmdk *self, const VmdkExtent *part)
{
  return part->number == 0 ? self->mapped.file : self->extents->pdata[part->number - 1];
}

static gboolean
is_declared (BanyanVmdk *self, const char *key)
{
  return banyan_spec_lookup (banyan_object_get_declaration (BANYAN_OBJECT (self)), key) != NULL;
}

/* -- The descriptor. -- */

static gboolean BANYAN_COROUTINE
read_descriptor (BanyanVmdk *self, guint64 offset, guint64 length, GError **error)
{
  g_autofree char *text = NULL;

  if (length > VMDK_MAX_DESCRIPTOR)
    return banyan_throw_errno (error, EFBIG,
                               "%s: the image's descriptor has %" G_GUINT64_FORMAT
                               " bytes; it can have %u at most",
                               self->mapped.name, length, VMDK_MAX_DESCRIPTOR);

  text = g_malloc0 (length + 1);
  if (!mapped_read_bytes (&self->mapped, self->mapped.file, offset, text, length, "descriptor",
                          error))
    return FALSE;

  self->descriptor = vmdk_descriptor_new (text, self->mapped.name, error);
  return self->descriptor != NULL;
}

/* -- Extents in files of their own. -- */

static gboolean
find_kind (BanyanVmdk *self, const VmdkLine *line, VmdkKind *kind, GError **error)
{
  static const struct
  {
    const char *type;
    VmdkKind kind;
  } kinds[] = {
    { "FLAT", VMDK_FLAT },       { "VMFS", VMDK_FLAT },         { "ZERO", VMDK_ZERO },
    { "SPARSE", VMDK_SPARSE },   { "VMFSSPARSE", VMDK_SPARSE }, { "VMFSTHIN", VMDK_FLAT },
    { "SESPARSE", VMDK_SPARSE },
  };
  g_autofree char *type = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (line->type, kinds[i].type))
      {
        *kind = kinds[i].kind;
        return TRUE;
      }

  type = g_utf8_make_valid (line->type, -1);
  return mapped_throw_unsupported (
      &self->mapped, error,
      "the image has an extent of the type %s, which is not read; those of FLAT, SPARSE, ZERO, "
      "VMFS, VMFSSPARSE, VMFSTHIN and SESPARSE are",
      type);
}

static gboolean
add_parts (BanyanVmdk *self, GError **error)
{
  GArray *lines = self->descriptor->lines;
  guint64 length = 0;
  guint number = 0;

  for (guint i = 0; i < lines->len; i++)
    {
      const VmdkLine *line = &g_array_index (lines, VmdkLine, i);
      VmdkExtent part = { .start = length, .length = line->length, .flat_offset = line->offset };

      if (!find_kind (self, line, &part.kind, error))
        return FALSE;
      if (part.kind != VMDK_ZERO)
        part.number = ++number;
      if (line->length > G_MAXINT64 - length)
        return banyan_throw_errno (error, EFBIG, "%s: the image's extents have too many sectors",
                                   self->mapped.name);
      length += line->length;
      g_array_append_val (self->parts, part);
    }
  if (length == 0)
    return banyan_throw_errno (error, EINVAL, "%s: the image's descriptor names no extents",
                               self->mapped.name);
  return mapped_set_length (&self->mapped, length, 0, error);
}

/* Whoever made the image is not to be shown other files of the machine. */
static gboolean
check_filename (BanyanVmdk *self, const char *filename, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (filename, "/", -1);
  g_autofree char *valid = g_utf8_make_valid (filename, -1);

  if (!g_str_equal (filename, valid))
    return mapped_throw_unsupported (
        &self->mapped, error,
        "the image's descriptor names the file \"%s\", which is not in UTF-8; declare extents",
        valid);
  return (!g_path_is_absolute (filename) && !g_strv_contains ((const char *const *) parts, ".."))
         || banyan_throw_errno (error, EPERM,
                                "%s: the image's descriptor names the file \"%s\", which is not "
                                "beside it; declare extents, if it is to be read",
                                self->mapped.name, filename);
}

/* The files that the descriptor names, as they would be declared: never to be written to. */
static gboolean
imply_extents (BanyanVmdk *self, GError **error)
{
  GArray *lines = self->descriptor->lines;
  guint number = 0;

  for (guint i = 0; i < lines->len; i++)
    {
      const VmdkLine *line = &g_array_index (lines, VmdkLine, i);
      BanyanSpecBuilder *map;
      g_autoptr (BanyanSpec) spec = NULL;
      g_autofree char *role = NULL;

      if (line->filename == NULL)
        continue;
      if (!check_filename (self, line->filename, error))
        return FALSE;
      map = banyan_spec_builder_new_map ();
      banyan_spec_builder_add_string (map, "driver", "file");
      banyan_spec_builder_add_string (map, "filename", line->filename);
      banyan_spec_builder_add_boolean (map, "read-only", TRUE);
      spec = banyan_spec_builder_end (map);
      role = g_strdup_printf ("extents.%u", number++);
      banyan_element_imply_child (BANYAN_ELEMENT (self), role, spec);
    }
  return TRUE;
}

static guint
count_files (BanyanVmdk *self)
{
  guint n = 0;

  for (guint i = 0; i < self->parts->len; i++)
    n += g_array_index (self->parts, VmdkExtent, i).kind != VMDK_ZERO;
  return n;
}

static gboolean
check_count (BanyanVmdk *self, guint n, GError **error)
{
  guint n_files = count_files (self);

  return n == n_files
         || banyan_throw_errno (
             error, EINVAL,
             "%s: the image's descriptor names %u files, and %u extents are declared; declare one "
             "for each, in the order of the descriptor, or none",
             self->mapped.name, n_files, n);
}

static gboolean BANYAN_COROUTINE
open_parts (BanyanVmdk *self, GError **error)
{
  gsize unit_size = 0;

  if (!check_count (self, self->extents != NULL ? self->extents->len : 0, error))
    return FALSE;

  for (guint i = 0; i < self->parts->len; i++)
    {
      VmdkExtent *part = &g_array_index (self->parts, VmdkExtent, i);

      if (part->kind == VMDK_ZERO)
        continue;
      if (!vmdk_extent_open (part, &self->mapped, get_child (self, part), error))
        {
          g_prefix_error (error, "%s: ", banyan_child_get_role (get_child (self, part)));
          return FALSE;
        }
      self->mapped.cluster_size = MAX (self->mapped.cluster_size, part->grain_size);
      if (part->is_packed)
        unit_size = MAX (unit_size, part->grain_size);
    }
  self->is_ready = TRUE;
  return unit_size == 0 || mapped_set_unit_size (&self->mapped, unit_size, error);
}

/* Extents that are declared are there already, as they are when it is opened again. */
static gboolean BANYAN_COROUTINE
open_split (BanyanVmdk *self, GError **error)
{
  self->is_split = TRUE;
  if (!add_parts (self, error) || (!is_declared (self, "extents") && !imply_extents (self, error)))
    return FALSE;

  return self->extents == NULL || open_parts (self, error);
}

/* -- Opening. -- */

static gboolean BANYAN_COROUTINE
open_single (BanyanVmdk *self, GError **error)
{
  VmdkExtent part = { .kind = VMDK_SPARSE };

  if (!vmdk_extent_open (&part, &self->mapped, self->mapped.file, error)
      || !mapped_set_length (&self->mapped, part.length, AT_CAPACITY, error))
    return FALSE;

  self->mapped.cluster_size = part.grain_size;
  g_array_append_val (self->parts, part);
  return !part.is_packed || mapped_set_unit_size (&self->mapped, part.grain_size, error);
}

/* An extent that has no capacity is there for the descriptor. */
static gboolean BANYAN_COROUTINE
open_sparse (BanyanVmdk *self, const guint8 *header, GError **error)
{
  guint64 sector = banyan_get_le64 (header + AT_DESCRIPTOR),
          n = banyan_get_le64 (header + AT_DESCRIPTOR_SIZE);

  if (sector > G_MAXINT64 / VMDK_SECTOR)
    return mapped_throw_field (&self->mapped, error, "descriptor's sector", sector, AT_DESCRIPTOR,
                               "it can be %" G_GINT64_FORMAT " at most", G_MAXINT64 / VMDK_SECTOR);
  if (n > VMDK_MAX_DESCRIPTOR / VMDK_SECTOR)
    return mapped_throw_field (&self->mapped, error, "descriptor's size in sectors", n,
                               AT_DESCRIPTOR_SIZE, "it can be %u at most",
                               VMDK_MAX_DESCRIPTOR / VMDK_SECTOR);
  if (sector != 0 && n != 0
      && !read_descriptor (self, sector * VMDK_SECTOR, n * VMDK_SECTOR, error))
    return FALSE;
  if (banyan_get_le64 (header + AT_CAPACITY) == 0 && self->descriptor != NULL)
    return open_split (self, error);

  return open_single (self, error);
}

static gboolean BANYAN_COROUTINE
open_any (BanyanVmdk *self, GError **error)
{
  Mapped *mapped = &self->mapped;
  guint64 length = banyan_child_get_length (mapped->file);
  guint8 header[VMDK_SECTOR] = { 0 };

  if (!mapped_read_bytes (mapped, mapped->file, 0, header, MIN (length, sizeof header), "header",
                          error))
    return FALSE;

  switch (banyan_get_le32 (header))
    {
    case VMDK_MAGIC_SPARSE:
      return open_sparse (self, header, error);
    case VMDK_MAGIC_COWD:
    case VMDK_MAGIC_SESPARSE:
      return open_single (self, error);
    }
  if (vmdk_descriptor_is_one (header, MIN (length, sizeof header)))
    return read_descriptor (self, 0, length, error) && open_split (self, error);

  return mapped_throw_field (mapped, error, "signature", banyan_get_le32 (header), 0,
                             "this is neither an extent nor a descriptor of VMware's");
}

static void
tell_kind (BanyanVmdk *self)
{
  const VmdkExtent *first = &g_array_index (self->parts, VmdkExtent, 0);

  self->create_type = g_utf8_make_valid (self->descriptor != NULL ? self->descriptor->create_type
                                         : first->is_packed       ? "streamOptimized"
                                         : first->kind == VMDK_SESPARSE  ? "seSparse"
                                         : first->table_entries == 4096u ? "vmfsSparse"
                                                                         : "monolithicSparse",
                                         -1);
  if (self->descriptor == NULL || self->descriptor->parent_cid == VMDK_NO_PARENT)
    mapped_set_backing (&self->mapped, NULL, NULL);
  else
    mapped_set_backing (&self->mapped, self->descriptor->parent, "vmdk");
}

static gboolean BANYAN_COROUTINE
banyan_vmdk_open (Mapped *mapped, GError **error)
{
  BanyanVmdk *self = BANYAN_NODE_SELF (BanyanVmdk, mapped);

  mapped->cluster_size = 0;
  self->parts = g_array_new (FALSE, FALSE, sizeof (VmdkExtent));
  self->inflater = mapped_inflater_new (FALSE);
  if (!open_any (self, error))
    return FALSE;

  tell_kind (self);
  return TRUE;
}

static void
banyan_vmdk_close (Mapped *mapped)
{
  BanyanVmdk *self = BANYAN_NODE_SELF (BanyanVmdk, mapped);

  g_clear_pointer (&self->descriptor, vmdk_descriptor_free);
  g_clear_pointer (&self->parts, g_array_unref);
  g_clear_pointer (&self->inflater, mapped_inflater_free);
  g_clear_pointer (&self->create_type, g_free);
  self->is_split = FALSE;
  self->is_ready = FALSE;
}

/* -- What can be checked when the children are there, and when they change. -- */

/* A parent that was written to since then shows something that never was. QEMU compares, too. */
static gboolean
check_parent (BanyanVmdk *self, GError **error)
{
  const VmdkDescriptor *own = self->descriptor;
  BanyanVmdk *parent;

  if (own == NULL || own->parent_cid == VMDK_NO_PARENT)
    return TRUE;
  if (self->mapped.backing == NULL)
    return is_declared (self, "backing")
           || mapped_throw_unsupported (
               &self->mapped, error,
               "the image has only what differs from its parent, of content ID %08x, and does not "
               "say where that is; declare backing, or make it null to see zeroes there",
               own->parent_cid);
  if (!G_TYPE_CHECK_INSTANCE_TYPE (banyan_child_get_node (self->mapped.backing),
                                   banyan_vmdk_type_id))
    return TRUE;

  parent = BANYAN_NODE_SELF (BanyanVmdk, banyan_child_get_node (self->mapped.backing));
  if (parent->descriptor == NULL || parent->descriptor->cid == own->parent_cid)
    return TRUE;
  return banyan_throw_errno (
      error, EINVAL,
      "%s: the image lies on a parent of content ID %08x, and that of its backing is %08x: it is "
      "another one, or was written to since; declare the right one, or make backing null",
      self->mapped.name, own->parent_cid, parent->descriptor->cid);
}

static gboolean
check_change (BanyanVmdk *self, BanyanChange *change, GError **error)
{
  const BanyanProposal *proposal = banyan_change_get_proposal (change);

  return !banyan_change_touches (change, "extents")
         || check_count (
             self,
             banyan_list_get_length (g_value_get_boxed (banyan_proposal_get (proposal, "extents"))),
             error);
}

static gboolean BANYAN_COROUTINE
banyan_vmdk_settle (BanyanElement *element, BanyanChange *change, GError **error)
{
  BanyanVmdk *self = BANYAN_NODE_SELF (BanyanVmdk, element);

  if (self->is_split && !self->is_ready)
    return open_parts (self, error) && check_parent (self, error);
  return (!self->is_split || check_change (self, change, error)) && check_parent (self, error);
}

static void
banyan_vmdk_commit (BanyanElement *element, BanyanChange *change)
{
}

/* -- Requests. -- */

static const VmdkExtent *
find_part (BanyanVmdk *self, guint64 offset)
{
  guint first = 0, end = self->parts->len;

  while (end - first > 1)
    {
      guint middle = first + (end - first) / 2;

      if (g_array_index (self->parts, VmdkExtent, middle).start <= offset)
        first = middle;
      else
        end = middle;
    }
  return &g_array_index (self->parts, VmdkExtent, first);
}

static gboolean BANYAN_COROUTINE
banyan_vmdk_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanVmdk *self = BANYAN_NODE_SELF (BanyanVmdk, mapped);
  const VmdkExtent *part = find_part (self, offset);
  BanyanChild *child = part->kind != VMDK_ZERO ? get_child (self, part) : NULL;

  return vmdk_extent_map (part, mapped, child, offset, length, mapping, error);
}

static gboolean BANYAN_COROUTINE
banyan_vmdk_unpack (Mapped *mapped, guint64 offset, const Mapping *mapping, guint8 *unit,
                    GError **error)
{
  BanyanVmdk *self = BANYAN_NODE_SELF (BanyanVmdk, mapped);

  return vmdk_extent_unpack (find_part (self, offset), mapped, self->inflater, mapping, unit,
                             error);
}

/* -- The class. -- */

static guint
banyan_vmdk_probe (const guint8 *head, gsize length)
{
  guint32 magic = length >= 8 ? banyan_get_le32 (head) : 0;

  if (magic == VMDK_MAGIC_SPARSE || magic == VMDK_MAGIC_COWD
      || (magic == VMDK_MAGIC_SESPARSE && banyan_get_le32 (head + 4) == 0))
    return 100;
  return vmdk_descriptor_is_one (head, length) ? 90 : 0;
}

static const MappedDriver driver = {
  .flags = MAPPED_HAS_BACKING,
  .probe = banyan_vmdk_probe,
  .open = banyan_vmdk_open,
  .close = banyan_vmdk_close,
  .map = banyan_vmdk_map,
  .unpack = banyan_vmdk_unpack,
};

static void
banyan_vmdk_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanVmdk *self = BANYAN_NODE_SELF (BanyanVmdk, object);

  switch (id)
    {
    case PROP_CREATE_TYPE:
      g_value_set_string (value, self->create_type);
      break;
    case PROP_CID:
      g_value_set_uint64 (value, self->descriptor != NULL ? self->descriptor->cid : 0);
      break;
    case PROP_PARENT_CID:
      g_value_set_uint64 (value,
                          self->descriptor != NULL ? self->descriptor->parent_cid : VMDK_NO_PARENT);
      break;
    default:
      banyan_node_get_field (object, id, value, pspec);
    }
}

static void
banyan_vmdk_finalize (GObject *object)
{
  BanyanVmdk *self = BANYAN_NODE_SELF (BanyanVmdk, object);

  g_clear_pointer (&self->extents, g_ptr_array_unref);
  banyan_vmdk_close (&self->mapped);

  G_OBJECT_CLASS (banyan_vmdk_parent_class)->finalize (object);
}

static void
banyan_vmdk_class_init (BanyanVmdkClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);

  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);
  object_class->get_property = banyan_vmdk_get_property;
  object_class->finalize = banyan_vmdk_finalize;
  element_class->settle = banyan_vmdk_settle;
  element_class->commit = banyan_vmdk_commit;
  banyan_node_class_add_child_role (
      BANYAN_NODE_CLASS (klass), "extents",
      BANYAN_CHILD_DATA | BANYAN_CHILD_METADATA | BANYAN_CHILD_MANY | BANYAN_CHILD_OPTIONAL,
      "Nodes that the parts of the disk are in, in place of the files that the descriptor names",
      G_STRUCT_OFFSET (BanyanVmdk, extents));

  g_object_class_install_property (object_class, PROP_CREATE_TYPE,
                                   banyan_param_state (banyan_param_string (
                                       "create-type", "Create type",
                                       "What kind of image it says it is", NULL, BANYAN_NO_FIELD)));
  g_object_class_install_property (
      object_class, PROP_CID,
      banyan_param_state (banyan_param_uint64 (
          "cid", "Content ID", "A number that changes when the image is first written to",
          BANYAN_UNIT_NONE, 0, G_MAXUINT32, 0, BANYAN_NO_FIELD)));
  g_object_class_install_property (
      object_class, PROP_PARENT_CID,
      banyan_param_state (banyan_param_uint64 (
          "parent-cid", "Content ID of the parent",
          "That of the image that it lies on, as it was then; 4294967295: it lies on none",
          BANYAN_UNIT_NONE, 0, G_MAXUINT32, VMDK_NO_PARENT, BANYAN_NO_FIELD)));
}

static void
banyan_vmdk_init (BanyanVmdk *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (vmdk, .kind = BANYAN_PLUGIN_FORMAT,
                      .register_type = banyan_vmdk_register_type, .summary = "VMware's disks, read")
