/* banyan-spec-build.c - trees that a program builds: answers, descriptions, events
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-spec.h>
#include <string.h>

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };

/**
 * banyan_spec_builder_new_map:
 *
 * Returns: (transfer full): a builder of a map that the program itself makes up
 */
BanyanSpecBuilder *
banyan_spec_builder_new_map (void)
{
  return banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
}

/**
 * banyan_spec_builder_new_list:
 *
 * Returns: (transfer full): a builder of a list that the program itself makes up
 */
BanyanSpecBuilder *
banyan_spec_builder_new_list (void)
{
  return banyan_spec_builder_new (BANYAN_SPEC_LIST, &origin);
}

/**
 * banyan_spec_builder_take:
 * @self: a builder
 * @key: (nullable): the key; %NULL in lists
 * @value: (transfer full) (nullable): what to add; %NULL adds nothing
 *
 * As banyan_spec_builder_add(), for a value that was made for this.
 */
void
banyan_spec_builder_take (BanyanSpecBuilder *self, const char *key, BanyanSpec *value)
{
  g_return_if_fail (self != NULL);

  if (value == NULL)
    return;

  banyan_spec_builder_add (self, key, &origin, value);
  banyan_spec_unref (value);
}

/**
 * banyan_spec_builder_take_built:
 * @self: a builder
 * @key: (nullable): the key; %NULL in lists
 * @inner: (transfer full): a builder, which ends here
 *
 * Adds what @inner has built.
 */
void
banyan_spec_builder_take_built (BanyanSpecBuilder *self, const char *key, BanyanSpecBuilder *inner)
{
  g_return_if_fail (self != NULL && inner != NULL);

  banyan_spec_builder_take (self, key, banyan_spec_builder_end (inner));
}

/**
 * banyan_spec_builder_add_string:
 * @self: a builder
 * @key: (nullable): the key; %NULL in lists
 * @text: (nullable): what to add; %NULL adds nothing
 *
 * Adds a string.
 */
void
banyan_spec_builder_add_string (BanyanSpecBuilder *self, const char *key, const char *text)
{
  g_return_if_fail (self != NULL);

  if (text != NULL)
    banyan_spec_builder_take (self, key,
                              banyan_spec_new_scalar (BANYAN_SPEC_STRING, text, &origin));
}

/**
 * banyan_spec_builder_add_boolean:
 * @self: a builder
 * @key: (nullable): the key; %NULL in lists
 * @value: what to add
 *
 * Adds a boolean.
 */
void
banyan_spec_builder_add_boolean (BanyanSpecBuilder *self, const char *key, gboolean value)
{
  g_return_if_fail (self != NULL);

  banyan_spec_builder_take (
      self, key, banyan_spec_new_scalar (BANYAN_SPEC_BOOLEAN, value ? "true" : "false", &origin));
}

/**
 * banyan_spec_builder_add_uint:
 * @self: a builder
 * @key: (nullable): the key; %NULL in lists
 * @number: what to add
 *
 * Adds a whole number that is not negative.
 */
void
banyan_spec_builder_add_uint (BanyanSpecBuilder *self, const char *key, guint64 number)
{
  char text[24];

  g_return_if_fail (self != NULL);

  g_snprintf (text, sizeof text, "%" G_GUINT64_FORMAT, number);
  banyan_spec_builder_take (self, key, banyan_spec_new_scalar (BANYAN_SPEC_NUMBER, text, &origin));
}

/**
 * banyan_spec_builder_add_int:
 * @self: a builder
 * @key: (nullable): the key; %NULL in lists
 * @number: what to add
 *
 * Adds a whole number.
 */
void
banyan_spec_builder_add_int (BanyanSpecBuilder *self, const char *key, gint64 number)
{
  char text[24];

  g_return_if_fail (self != NULL);

  g_snprintf (text, sizeof text, "%" G_GINT64_FORMAT, number);
  banyan_spec_builder_take (self, key, banyan_spec_new_scalar (BANYAN_SPEC_NUMBER, text, &origin));
}

/**
 * banyan_spec_builder_add_double:
 * @self: a builder
 * @key: (nullable): the key; %NULL in lists
 * @number: what to add: finite
 *
 * Adds a number.
 */
void
banyan_spec_builder_add_double (BanyanSpecBuilder *self, const char *key, double number)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_return_if_fail (self != NULL);

  g_ascii_dtostr (text, sizeof text, number);
  banyan_spec_builder_take (self, key, banyan_spec_new_scalar (BANYAN_SPEC_NUMBER, text, &origin));
}

/**
 * banyan_spec_builder_add_strings:
 * @self: a builder
 * @key: (nullable): the key; %NULL in lists
 * @strings: (nullable) (array zero-terminated=1): a list to add; %NULL is an empty one
 *
 * Adds a list of strings.
 */
void
banyan_spec_builder_add_strings (BanyanSpecBuilder *self, const char *key,
                                 const char *const *strings)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  g_return_if_fail (self != NULL);

  for (guint i = 0; strings != NULL && strings[i] != NULL; i++)
    banyan_spec_builder_add_string (list, NULL, strings[i]);
  banyan_spec_builder_take_built (self, key, list);
}

/**
 * banyan_spec_lookup_text:
 * @self: (nullable): a tree
 * @key: a key
 *
 * Returns: (nullable): the text of the scalar that @self, a map, has at @key; %NULL for null and
 *   whatever else is there
 */
const char *
banyan_spec_lookup_text (BanyanSpec *self, const char *key)
{
  BanyanSpec *value;

  if (self == NULL || banyan_spec_get_kind (self) != BANYAN_SPEC_MAP)
    return NULL;

  value = banyan_spec_lookup (self, key);
  if (value == NULL || banyan_spec_get_kind (value) == BANYAN_SPEC_NULL
      || banyan_spec_get_kind (value) >= BANYAN_SPEC_LIST)
    return NULL;

  return banyan_spec_get_text (value);
}

/**
 * banyan_spec_with_nested:
 * @self: (nullable): a tree
 * @key: a key, or several with dots between: `cache.direct` is two steps down
 * @value: what is to stand there
 *
 * Makes a tree that differs from @self in one place. What is not there yet begins as a map, and a
 * scalar on the way, such as the short form of a struct, gives way to one.
 *
 * Returns: (transfer full) (nullable): the tree, or %NULL where @key leads into a list
 */
BanyanSpec *
banyan_spec_with_nested (BanyanSpec *self, const char *key, BanyanSpec *value)
{
  const char *dot = strchr (key, '.');
  g_autofree char *first = g_strndup (key, strcspn (key, "."));
  g_autoptr (BanyanSpec) empty = NULL;
  g_autoptr (BanyanSpec) inner = NULL;

  g_return_val_if_fail (value != NULL, NULL);

  if (self != NULL && banyan_spec_get_kind (self) == BANYAN_SPEC_LIST)
    return NULL;
  if (self == NULL || banyan_spec_get_kind (self) != BANYAN_SPEC_MAP)
    self = empty = banyan_spec_builder_end (
        banyan_spec_builder_new (BANYAN_SPEC_MAP, banyan_spec_get_origin (value)));

  inner = dot != NULL ? banyan_spec_with_nested (banyan_spec_lookup (self, first), dot + 1, value)
                      : banyan_spec_ref (value);
  return inner != NULL ? banyan_spec_with (self, first, inner) : NULL;
}
