/* banyan-param.c - declares properties and keeps what GParamSpec has no room for
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-param-metadata.h"
#include "banyan-param-private.h"

#include <banyan/banyan-object.h>
#include <banyan/banyan-struct.h>

G_DEFINE_QUARK (banyan_param_metadata, banyan_param_metadata)

static void
metadata_free (gpointer data)
{
  BanyanParamMetadata *self = data;

  g_free (self->computed_default);
  g_ptr_array_unref (self->aliases);
  g_ptr_array_unref (self->value_aliases);
  g_free (self->link_target);
  g_free (self->declared_type);
  g_clear_pointer (&self->inline_defaults, g_ptr_array_unref);
  g_clear_pointer (&self->element, g_param_spec_unref);
  g_free (self->fault);
  g_free (self);
}

static BanyanParamMetadata *
metadata_new (GParamSpec *pspec)
{
  BanyanParamMetadata *self = g_new0 (BanyanParamMetadata, 1);

  self->offset = BANYAN_NO_FIELD;
  self->aliases = g_ptr_array_new_null_terminated (0, g_free, TRUE);
  self->value_aliases = g_ptr_array_new_with_free_func (g_free);

  if (!(pspec->flags & G_PARAM_WRITABLE))
    self->kind = BANYAN_PARAM_STATE;

  return self;
}

static BanyanParamMetadata *
metadata_ensure (GParamSpec *pspec)
{
  BanyanParamMetadata *self = g_param_spec_get_qdata (pspec, banyan_param_metadata_quark ());

  if (!self)
    {
      self = metadata_new (pspec);
      g_param_spec_set_qdata_full (pspec, banyan_param_metadata_quark (), self, metadata_free);
    }

  return self;
}

static void
note_fault (GParamSpec *pspec, char *fault)
{
  BanyanParamMetadata *self = metadata_ensure (pspec);

  if (!self->fault)
    self->fault = fault;
  else
    g_free (fault);
}

/* -- Declaring. -- */

#define FLAGS (G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static GParamSpec *
declare (GParamSpec *pspec, BanyanUnit unit, BanyanMutability mutability, guint offset)
{
  BanyanParamMetadata *self;

  if (!pspec)
    return NULL; /* GLib has said why */

  self = metadata_ensure (pspec);
  self->unit = unit;
  self->mutability = mutability;
  self->offset = offset;
  return pspec;
}

/* GLib takes a range that does not hold its default for a programming error and returns nothing; a
 * plugin's mistake must not take its user down, so the pspec is made with what is allowed, and the
 * class is refused. Evaluated for each type of number. */
#define FIX_RANGE(type, print) \
  char *fault = NULL; \
  const type wanted = default_value; \
\
  if (minimum > maximum) \
    { \
      fault = g_strdup_printf ("the range %" print " to %" print " is empty", minimum, maximum); \
      maximum = minimum; \
    } \
  default_value = CLAMP (default_value, minimum, maximum); \
  if (!fault && default_value != wanted) \
    fault = g_strdup_printf ("the default %" print " is outside the range %" print " to %" print, \
                             wanted, minimum, maximum);

static GParamSpec *
declare_number (GParamSpec *pspec, BanyanUnit unit, guint offset, char *fault)
{
  declare (pspec, unit, BANYAN_MUTABLE_LIVE, offset);
  if (pspec && fault)
    note_fault (pspec, fault);
  else
    g_free (fault);

  return pspec;
}

/**
 * banyan_param_boolean:
 * @name: (not nullable): the property's name; static, as all strings here
 * @nick: a heading for it
 * @blurb: what it is for, saying more than the name does
 * @default_value: the default
 * @offset: of the gboolean in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a yes or no.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_boolean (const char *name, const char *nick, const char *blurb, gboolean default_value,
                      guint offset)
{
  return declare (g_param_spec_boolean (name, nick, blurb, !!default_value, FLAGS),
                  BANYAN_UNIT_NONE, BANYAN_MUTABLE_LIVE, offset);
}

/**
 * banyan_param_int:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @unit: what is counted
 * @minimum: the least that is allowed
 * @maximum: the most that is allowed
 * @default_value: the default
 * @offset: of the gint in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a number.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_int (const char *name, const char *nick, const char *blurb, BanyanUnit unit,
                  gint minimum, gint maximum, gint default_value, guint offset)
{
  FIX_RANGE (gint, "d")

  return declare_number (
      g_param_spec_int (name, nick, blurb, minimum, maximum, default_value, FLAGS), unit, offset,
      fault);
}

/**
 * banyan_param_uint:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @unit: what is counted
 * @minimum: the least that is allowed
 * @maximum: the most that is allowed
 * @default_value: the default
 * @offset: of the guint in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a number.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_uint (const char *name, const char *nick, const char *blurb, BanyanUnit unit,
                   guint minimum, guint maximum, guint default_value, guint offset)
{
  FIX_RANGE (guint, "u")

  return declare_number (
      g_param_spec_uint (name, nick, blurb, minimum, maximum, default_value, FLAGS), unit, offset,
      fault);
}

/**
 * banyan_param_int64:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @unit: what is counted
 * @minimum: the least that is allowed
 * @maximum: the most that is allowed
 * @default_value: the default
 * @offset: of the gint64 in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a number.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_int64 (const char *name, const char *nick, const char *blurb, BanyanUnit unit,
                    gint64 minimum, gint64 maximum, gint64 default_value, guint offset)
{
  FIX_RANGE (gint64, G_GINT64_FORMAT)

  return declare_number (
      g_param_spec_int64 (name, nick, blurb, minimum, maximum, default_value, FLAGS), unit, offset,
      fault);
}

/**
 * banyan_param_uint64:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @unit: what is counted
 * @minimum: the least that is allowed
 * @maximum: the most that is allowed
 * @default_value: the default
 * @offset: of the guint64 in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a number.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_uint64 (const char *name, const char *nick, const char *blurb, BanyanUnit unit,
                     guint64 minimum, guint64 maximum, guint64 default_value, guint offset)
{
  FIX_RANGE (guint64, G_GUINT64_FORMAT)

  return declare_number (
      g_param_spec_uint64 (name, nick, blurb, minimum, maximum, default_value, FLAGS), unit, offset,
      fault);
}

/**
 * banyan_param_double:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @unit: what is measured
 * @minimum: the least that is allowed
 * @maximum: the most that is allowed
 * @default_value: the default
 * @offset: of the double in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a number that need not be whole.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_double (const char *name, const char *nick, const char *blurb, BanyanUnit unit,
                     double minimum, double maximum, double default_value, guint offset)
{
  FIX_RANGE (double, "g")

  return declare_number (
      g_param_spec_double (name, nick, blurb, minimum, maximum, default_value, FLAGS), unit, offset,
      fault);
}

/**
 * banyan_param_enum:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @enum_type: an enumeration; documents use its nicks
 * @default_value: one of its values
 * @offset: of the gint in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a choice.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_enum (const char *name, const char *nick, const char *blurb, GType enum_type,
                   gint default_value, guint offset)
{
  GEnumClass *klass;
  GParamSpec *pspec;
  char *fault = NULL;

  g_return_val_if_fail (G_TYPE_IS_ENUM (enum_type), NULL);

  klass = g_type_class_ref (enum_type);
  if (klass->n_values > 0 && !g_enum_get_value (klass, default_value))
    {
      fault = g_strdup_printf ("the default %d is not a value of %s", default_value,
                               g_type_name (enum_type));
      default_value = klass->values[0].value;
    }
  pspec = g_param_spec_enum (name, nick, blurb, enum_type, default_value, FLAGS);
  g_type_class_unref (klass);

  return declare_number (pspec, BANYAN_UNIT_NONE, offset, fault);
}

/**
 * banyan_param_flags:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @flags_type: a flags type; documents use its nicks
 * @default_value: any of its values
 * @offset: of the guint in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a set of choices.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_flags (const char *name, const char *nick, const char *blurb, GType flags_type,
                    guint default_value, guint offset)
{
  GFlagsClass *klass;
  GParamSpec *pspec;
  char *fault = NULL;

  g_return_val_if_fail (G_TYPE_IS_FLAGS (flags_type), NULL);

  klass = g_type_class_ref (flags_type);
  if (default_value & ~klass->mask)
    {
      fault = g_strdup_printf ("the default 0x%x has bits that %s does not", default_value,
                               g_type_name (flags_type));
      default_value &= klass->mask;
    }
  pspec = g_param_spec_flags (name, nick, blurb, flags_type, default_value, FLAGS);
  g_type_class_unref (klass);

  return declare_number (pspec, BANYAN_UNIT_NONE, offset, fault);
}

/**
 * banyan_param_string:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @default_value: (nullable): the default
 * @offset: of the (owned) string in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a string.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_string (const char *name, const char *nick, const char *blurb,
                     const char *default_value, guint offset)
{
  return declare (g_param_spec_string (name, nick, blurb, default_value, FLAGS), BANYAN_UNIT_NONE,
                  BANYAN_MUTABLE_BEFORE_OPEN, offset);
}

/**
 * banyan_param_struct:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @struct_type: a #BanyanStruct class
 * @offset: of the (owned) pointer to a frozen instance, or %BANYAN_NO_FIELD
 *
 * Declares a value with fields.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_struct (const char *name, const char *nick, const char *blurb, GType struct_type,
                     guint offset)
{
  g_return_val_if_fail (g_type_is_a (struct_type, BANYAN_TYPE_STRUCT), NULL);

  return declare (g_param_spec_object (name, nick, blurb, struct_type, FLAGS), BANYAN_UNIT_NONE,
                  BANYAN_MUTABLE_BEFORE_OPEN, offset);
}

/* Null stands for a property that has no value; among the members of a list it is none of them, and
 * nobody who goes through them is prepared for it. */
static GParamSpec *
declare_container (GParamSpec *pspec, GParamSpec *element, guint offset)
{
  declare (pspec, BANYAN_UNIT_NONE, BANYAN_MUTABLE_BEFORE_OPEN, offset);
  metadata_ensure (element)->is_required = TRUE;
  if (pspec)
    metadata_ensure (pspec)->element = g_param_spec_ref_sink (element);

  return pspec;
}

/**
 * banyan_param_list:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @element: (transfer floating): describes one member; its name is not used
 * @offset: of the (owned) #BanyanList in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a list of any length.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_list (const char *name, const char *nick, const char *blurb, GParamSpec *element,
                   guint offset)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (element), NULL);

  return declare_container (g_param_spec_boxed (name, nick, blurb, BANYAN_TYPE_LIST, FLAGS),
                            element, offset);
}

/**
 * banyan_param_map:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @element: (transfer floating): describes one member; its name is not used
 * @offset: of the (owned) #BanyanMap in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a map from names to members.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_map (const char *name, const char *nick, const char *blurb, GParamSpec *element,
                  guint offset)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (element), NULL);

  return declare_container (g_param_spec_boxed (name, nick, blurb, BANYAN_TYPE_MAP, FLAGS), element,
                            offset);
}

/* A target is looked up by name when a link is resolved, so the most that can be said here is
 * whether it can be the name of a type at all. */
static gboolean
is_type_name (const char *name)
{
  if (!name || strlen (name) < 3 || !(g_ascii_isalpha (name[0]) || name[0] == '_'))
    return FALSE;

  for (const char *p = name; *p; p++)
    if (!g_ascii_isalnum (*p) && !strchr ("-_+", *p))
      return FALSE;

  return TRUE;
}

/**
 * banyan_param_link:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @target_type: name of the GType of what is linked to; another plugin may register it later
 * @offset: of the (owned) pointer in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a link to another object.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_link (const char *name, const char *nick, const char *blurb, const char *target_type,
                   guint offset)
{
  GParamSpec *pspec = g_param_spec_object (name, nick, blurb, BANYAN_TYPE_OBJECT, FLAGS);

  declare (pspec, BANYAN_UNIT_NONE, BANYAN_MUTABLE_BEFORE_OPEN, offset);
  if (!pspec)
    return NULL;

  metadata_ensure (pspec)->link_target = g_strdup (target_type ? target_type : "");
  if (!is_type_name (target_type))
    note_fault (pspec, g_strdup_printf ("\"%s\" cannot be the name of a type to link to",
                                        target_type ? target_type : ""));
  return pspec;
}

/**
 * banyan_param_members:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @member_type: name of the GType of the members: a concrete class, or an abstract one whose
 *   subclasses are told apart by a "type" key
 * @offset: of the (owned) #BanyanMap of objects in the instance, or %BANYAN_NO_FIELD
 *
 * Declares objects that belong to this one. Their ids are the keys, and they are declared inline.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_members (const char *name, const char *nick, const char *blurb,
                      const char *member_type, guint offset)
{
  GParamSpec *member = banyan_param_link ("member", nick, blurb, member_type, BANYAN_NO_FIELD);
  GParamSpec *pspec = banyan_param_map (name, nick, blurb, member, offset);

  if (!pspec)
    return NULL;

  metadata_ensure (pspec)->has_members = TRUE;
  if (banyan_param_get_fault (member))
    note_fault (pspec, g_strdup (banyan_param_get_fault (member)));
  return pspec;
}

/**
 * banyan_param_declaration:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @base_type: (nullable): name of the GType of what is declared: "BanyanNode"; %NULL: any spec
 * @offset: of the (owned) #BanyanSpec in the instance, or %BANYAN_NO_FIELD
 *
 * Declares a property that takes a spec as it is: the declaration of an object that is yet to be
 * made, whose own class says what it may have.
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_declaration (const char *name, const char *nick, const char *blurb,
                          const char *base_type, guint offset)
{
  GParamSpec *pspec = declare (g_param_spec_boxed (name, nick, blurb, BANYAN_TYPE_SPEC, FLAGS),
                               BANYAN_UNIT_NONE, BANYAN_MUTABLE_BEFORE_OPEN, offset);

  if (pspec)
    metadata_ensure (pspec)->declared_type = g_strdup (base_type);
  return pspec;
}

/* -- Modifiers. -- */

/**
 * banyan_param_mutable:
 * @pspec: (transfer none): a declaration
 * @mutability: when it may change
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_mutable (GParamSpec *pspec, BanyanMutability mutability)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  metadata_ensure (pspec)->mutability = mutability;
  return pspec;
}

/**
 * banyan_param_required:
 * @pspec: (transfer none): a declaration
 *
 * Says that the property has to be given.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_required (GParamSpec *pspec)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  metadata_ensure (pspec)->is_required = TRUE;
  return pspec;
}

/**
 * banyan_param_secret:
 * @pspec: (transfer none): a declaration
 *
 * Says that the value can be written and not read, and is never shown: not in messages, exports
 * or events.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_secret (GParamSpec *pspec)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  metadata_ensure (pspec)->is_secret = TRUE;
  pspec->flags &= ~G_PARAM_READABLE;
  return pspec;
}

static GParamSpec *
make_read_only (GParamSpec *pspec, BanyanParamKind kind)
{
  BanyanParamMetadata *self = metadata_ensure (pspec);

  self->kind = kind;
  self->mutability = BANYAN_MUTABLE_LIVE;
  pspec->flags &= ~G_PARAM_WRITABLE;
  return pspec;
}

/**
 * banyan_param_state:
 * @pspec: (transfer none): a declaration
 *
 * Makes the property one that tells what is and cannot be set.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_state (GParamSpec *pspec)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  return make_read_only (pspec, BANYAN_PARAM_STATE);
}

/**
 * banyan_param_statistic:
 * @pspec: (transfer none): a declaration
 *
 * Makes the property one that tells what was counted and cannot be set.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_statistic (GParamSpec *pspec)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  return make_read_only (pspec, BANYAN_PARAM_STATISTIC);
}

/**
 * banyan_param_counter:
 * @name: (not nullable): the property's name
 * @nick: a heading for it
 * @blurb: what it is for
 * @unit: what is counted
 * @offset: of the guint64 in the instance, which iothreads change by atomic operations, or
 *   %BANYAN_NO_FIELD
 *
 * Declares a number that tells what was counted and cannot be set: banyan_param_statistic() of any
 * banyan_param_uint64().
 *
 * Returns: (transfer floating): the declaration
 */
GParamSpec *
banyan_param_counter (const char *name, const char *nick, const char *blurb, BanyanUnit unit,
                      guint offset)
{
  return banyan_param_statistic (
      banyan_param_uint64 (name, nick, blurb, unit, 0, G_MAXUINT64, 0, offset));
}

/**
 * banyan_param_computed:
 * @pspec: (transfer none): a declaration
 * @sentence: how the default is found
 *
 * Says that the default is no constant.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_computed (GParamSpec *pspec, const char *sentence)
{
  BanyanParamMetadata *self;

  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);
  g_return_val_if_fail (sentence != NULL, pspec);

  self = metadata_ensure (pspec);
  g_free (self->computed_default);
  self->computed_default = g_strdup (sentence);
  return pspec;
}

/**
 * banyan_param_alias:
 * @pspec: (transfer none): a declaration
 * @alias: another key that documents may use
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_alias (GParamSpec *pspec, const char *alias)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);
  g_return_val_if_fail (alias != NULL, pspec);

  g_ptr_array_add (metadata_ensure (pspec)->aliases, g_strdup (alias));
  return pspec;
}

static gboolean
type_has_nick (GType type, const char *nick)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (type);

  if (G_IS_ENUM_CLASS (klass))
    return g_enum_get_value_by_nick ((GEnumClass *) klass, nick) != NULL;

  return g_flags_get_value_by_nick ((GFlagsClass *) klass, nick) != NULL;
}

/**
 * banyan_param_value_alias:
 * @pspec: (transfer none): a declaration of a choice or a set of choices
 * @old_nick: what a document may say
 * @nick: the value that it means
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_value_alias (GParamSpec *pspec, const char *old_nick, const char *nick)
{
  BanyanParamMetadata *self;

  g_return_val_if_fail (G_IS_PARAM_SPEC_ENUM (pspec) || G_IS_PARAM_SPEC_FLAGS (pspec), NULL);
  g_return_val_if_fail (old_nick != NULL && nick != NULL, pspec);

  self = metadata_ensure (pspec);
  g_ptr_array_add (self->value_aliases, g_strdup (old_nick));
  g_ptr_array_add (self->value_aliases, g_strdup (nick));

  if (!type_has_nick (pspec->value_type, nick))
    note_fault (pspec, g_strdup_printf ("\"%s\" is an alias of \"%s\", which is not a value of %s",
                                        old_nick, nick, g_type_name (pspec->value_type)));
  return pspec;
}

/**
 * banyan_param_identifying:
 * @pspec: (transfer none): a declaration
 *
 * Says that the value tells two objects of one type apart when a document is compared with what
 * runs.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_identifying (GParamSpec *pspec)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  metadata_ensure (pspec)->is_identifying = TRUE;
  return pspec;
}

/**
 * banyan_param_inherited:
 * @pspec: (transfer none): a declaration
 *
 * Says that an object declared inline gets its parent's value where it has none of its own.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_inherited (GParamSpec *pspec)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);

  metadata_ensure (pspec)->is_inherited = TRUE;
  return pspec;
}

/**
 * banyan_param_inline_default:
 * @pspec: (transfer none): a declaration of a link
 * @property: a property of what the link leads to
 * @value: as a document would write it
 *
 * Says that an object declared inline in this link has @value where it has none of its own,
 * whatever its parent has.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_inline_default (GParamSpec *pspec, const char *property, const char *value)
{
  BanyanParamMetadata *self;

  g_return_val_if_fail (G_IS_PARAM_SPEC (pspec), NULL);
  g_return_val_if_fail (property != NULL && value != NULL, pspec);

  self = metadata_ensure (pspec);
  if (!self->inline_defaults)
    self->inline_defaults = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (self->inline_defaults, g_strdup (property));
  g_ptr_array_add (self->inline_defaults, g_strdup (value));
  return pspec;
}

GParamSpec *
banyan_param_edge (GParamSpec *pspec)
{
  metadata_ensure (pspec)->is_edge = TRUE;
  return pspec;
}

GParamSpec *
banyan_param_completing (GParamSpec *pspec)
{
  metadata_ensure (pspec)->is_completing = TRUE;
  return pspec;
}

GParamSpec *
banyan_param_completable (GParamSpec *pspec)
{
  metadata_ensure (pspec)->is_completable = TRUE;
  return pspec;
}

/**
 * banyan_param_path:
 * @pspec: (transfer none): a declaration of a string
 *
 * Says that the string is the path of a file; a relative one is relative to the document.
 *
 * Returns: (transfer none): @pspec
 */
GParamSpec *
banyan_param_path (GParamSpec *pspec)
{
  g_return_val_if_fail (G_IS_PARAM_SPEC_STRING (pspec), NULL);

  metadata_ensure (pspec)->is_path = TRUE;
  return pspec;
}
