/* banyan-class-check.c - refuses classes that people could not understand or use
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-object-private.h"
#include "banyan-param-private.h"

#include <banyan/banyan-struct.h>
#include <string.h>

/* The mapper's own keys. BanyanObject has `id`, which is where the mapper puts it. */
static const char *const reserved_keys[] = { "driver", "type", "id", "node-name", NULL };

static gboolean refuse (GParamSpec *pspec, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
refuse (GParamSpec *pspec, GError **error, const char *format, ...)
{
  g_autofree char *reason = NULL;
  va_list arguments;

  va_start (arguments, format);
  reason = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_PLUGIN, "%s: property \"%s\" %s",
               g_type_name (pspec->owner_type), pspec->name, reason);
  return FALSE;
}

/* -- What people read. -- */

static gboolean
has_word (const char *text, const char *word, gsize length)
{
  for (gsize start = 0; text && text[start]; start++)
    if ((start == 0 || !g_ascii_isalnum (text[start - 1]))
        && g_ascii_strncasecmp (text + start, word, length) == 0
        && !g_ascii_isalnum (text[start + length]))
      return TRUE;

  return FALSE;
}

static gboolean
is_filler (const char *word, gsize length)
{
  static const char *const fillers[] = { "a", "an", "the", "of", "for", "to", "is", "this", NULL };

  for (gsize i = 0; fillers[i]; i++)
    if (strlen (fillers[i]) == length && g_ascii_strncasecmp (fillers[i], word, length) == 0)
      return TRUE;

  return FALSE;
}

/* A blurb that has no word which is not in the name already leaves its reader where they were. */
static gboolean
says_more (const char *blurb, const char *name, const char *nick)
{
  while (*blurb)
    {
      gsize length = 0;

      while (*blurb && !g_ascii_isalnum (*blurb) && !(*blurb & 0x80))
        blurb++;
      while (g_ascii_isalnum (blurb[length]) || (blurb[length] & 0x80))
        length++;
      if (length > 0 && !is_filler (blurb, length) && !has_word (name, blurb, length)
          && !has_word (nick, blurb, length))
        return TRUE;
      blurb += length;
    }

  return FALSE;
}

static gboolean
check_words (GParamSpec *pspec, GError **error)
{
  const char *nick = g_param_spec_get_nick (pspec);
  const char *blurb = g_param_spec_get_blurb (pspec);

  /* GLib answers with the name where there is no nick; ours are never spelled like that. */
  if (!nick || !*nick || nick == pspec->name)
    return refuse (pspec, error, "has no nick");
  if (!blurb || !*blurb)
    return refuse (pspec, error, "is not documented: it has no blurb");
  if (!says_more (blurb, pspec->name, nick))
    return refuse (pspec, error, "has a blurb that says no more than its name: \"%s\"", blurb);

  return TRUE;
}

/* -- What documents write. -- */

/* What a base class gains after 1.0 begins like this, so that no plugin has it already. */
#define OWN_PREFIX "banyan-"

/* A class of a plugin has a GTypePlugin, and one of the library or a program none. */
static gboolean
is_of_plugin (GParamSpec *pspec)
{
  return g_type_get_plugin (pspec->owner_type) != NULL;
}

static gboolean
check_prefix (GParamSpec *pspec, const char *key, GError **error)
{
  if (is_of_plugin (pspec) && g_str_has_prefix (key, OWN_PREFIX))
    return refuse (pspec, error, "has a key that begins with " OWN_PREFIX ": \"%s\"", key);

  return TRUE;
}

static gboolean
check_key (GParamSpec *pspec, const char *key, GError **error)
{
  if (g_strv_contains (reserved_keys, key))
    return refuse (pspec, error, "takes the reserved key \"%s\"", key);
  if (strchr (key, '.'))
    return refuse (pspec, error, "has a key with a dot in it: \"%s\"", key);

  return TRUE;
}

/* "limits.iops-total": in a map of a name that means nothing else. */
static gboolean
check_alias (GParamSpec *pspec, GObjectClass *klass, const char *alias, GError **error)
{
  const char *dot = strchr (alias, '.');
  g_autofree char *outer = g_strndup (alias, dot ? (gsize) (dot - alias) : 0);

  if (!dot || strchr (dot + 1, '.') || banyan_object_class_find_key (klass, outer))
    return check_key (pspec, alias, error);

  return check_key (pspec, outer, error) && check_key (pspec, dot + 1, error);
}

static gboolean
check_aliases (GParamSpec *pspec, GError **error)
{
  /* As its own class sees it: a subclass may be about to shadow it, and is to blame then. */
  GObjectClass *klass = g_type_class_peek (pspec->owner_type);
  const char *const *aliases = banyan_param_get_aliases (pspec);

  for (gsize i = 0; aliases[i]; i++)
    {
      GParamSpec *other = banyan_object_class_find_key (klass, aliases[i]);

      if (!check_prefix (pspec, aliases[i], error)
          || !check_alias (pspec, klass, aliases[i], error))
        return FALSE;
      if (other && other != pspec)
        return refuse (pspec, error, "has the alias \"%s\", which is %s's", aliases[i],
                       other->name);
    }

  return TRUE;
}

static gboolean
check_shadow (GParamSpec *pspec, GError **error)
{
  g_autoptr (GTypeClass) parent = g_type_class_ref (g_type_parent (pspec->owner_type));
  GParamSpec *shadowed;

  if (!G_IS_OBJECT_CLASS (parent))
    return TRUE;

  shadowed = banyan_object_class_find_key ((GObjectClass *) parent, pspec->name);
  if (!shadowed)
    return TRUE;

  return refuse (pspec, error, "shadows the one that it inherits from %s",
                 g_type_name (shadowed->owner_type));
}

static gboolean check_class (GType type, GType base, GHashTable *seen, GError **error);

static gboolean
check_type (GParamSpec *pspec, GHashTable *seen, GError **error)
{
  g_autofree GType *variants = NULL;
  GParamSpec *element = banyan_param_get_element (pspec);
  guint n_variants;

  if (banyan_param_get_fault (pspec))
    return refuse (pspec, error, "is wrong: %s", banyan_param_get_fault (pspec));
  if (element && banyan_param_get_fault (element))
    return refuse (pspec, error, "is wrong: %s", banyan_param_get_fault (element));
  if (banyan_param_is_secret (pspec) && !G_IS_PARAM_SPEC_STRING (pspec))
    return refuse (pspec, error, "is a secret and no string");
  if (element)
    return check_type (element, seen, error);
  if (!banyan_param_is_struct (pspec))
    return TRUE;

  if (!check_class (pspec->value_type, BANYAN_TYPE_STRUCT, seen, error))
    return FALSE;
  variants = banyan_struct_list_variants (pspec->value_type, &n_variants);
  for (guint i = 0; i < n_variants; i++)
    if (!check_class (variants[i], BANYAN_TYPE_STRUCT, seen, error))
      return FALSE;

  return TRUE;
}

static gboolean
check_own (GParamSpec *pspec, GObjectClass *klass, GType base, GHashTable *seen, GError **error)
{
  const char *discriminator = NULL;

  if (BANYAN_IS_STRUCT_CLASS (klass))
    discriminator = banyan_struct_class_get_discriminator ((BanyanStructClass *) klass);
  if (BANYAN_IS_STRUCT_CLASS (klass) && banyan_param_is_secret (pspec))
    return refuse (pspec, error, "is a secret in a struct; link to a secret object instead");
  if (BANYAN_IS_STRUCT_CLASS (klass) && banyan_param_has_links (pspec))
    return refuse (pspec, error, "is a link in a struct; only objects may link");
  if (!BANYAN_IS_STRUCT_CLASS (klass) && pspec->owner_type != BANYAN_TYPE_OBJECT
      && !check_key (pspec, pspec->name, error))
    return FALSE;
  if (discriminator && g_str_equal (pspec->name, discriminator))
    return refuse (pspec, error, "takes the key that tells which struct is meant");

  return check_prefix (pspec, pspec->name, error) && check_words (pspec, error)
         && (pspec->owner_type == base || check_shadow (pspec, error))
         && (BANYAN_IS_STRUCT_CLASS (klass) || check_aliases (pspec, error))
         && check_type (pspec, seen, error);
}

/* @base: the class that ends the chain; what is above it is GLib's. */
static gboolean
check_class (GType type, GType base, GHashTable *seen, GError **error)
{
  g_autoptr (GTypeClass) klass = NULL;
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  /* A struct may hold structs of its own kind. */
  if (!g_hash_table_add (seen, GSIZE_TO_POINTER (type)))
    return TRUE;

  klass = g_type_class_ref (type);
  pspecs = g_object_class_list_properties ((GObjectClass *) klass, &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    if (g_type_is_a (pspecs[i]->owner_type, base)
        && !check_own (pspecs[i], (GObjectClass *) klass, base, seen, error))
      return FALSE;

  return TRUE;
}

/**
 * banyan_object_class_check:
 * @type: a class derived from #BanyanObject, or from #BanyanStruct
 * @error: where to put the error, or %NULL
 *
 * Checks what a class declares: every property has a nick and a blurb that says more than its name,
 * takes no reserved key and no inherited property's name, and has a default that its range allows.
 * Names that begin with "banyan-" are for the base classes: plugins may not use them.
 * The structs that it takes are checked as well. Registration refuses what does not pass.
 *
 * Returns: whether the class passes; if not, @error names the property
 */
gboolean
banyan_object_class_check (GType type, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  if (g_type_is_a (type, BANYAN_TYPE_STRUCT))
    return check_class (type, BANYAN_TYPE_STRUCT, seen, error);
  if (!g_type_is_a (type, BANYAN_TYPE_OBJECT))
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_PLUGIN, "%s is no BanyanObject",
                   g_type_name (type));
      return FALSE;
    }

  return check_class (type, BANYAN_TYPE_OBJECT, seen, error);
}
