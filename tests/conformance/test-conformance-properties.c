/* test-conformance-properties.c - every type refuses what its declarations exclude, and says what
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "conformance.h"

#include <string.h>

#define ALL_KINDS (DRIVER_KINDS | 1u << BANYAN_PLUGIN_FRONTEND | 1u << BANYAN_PLUGIN_OBJECT)

static char *
document_with (const Case *the_case, const char *key, const char *value)
{
  const char *section = the_case->kind == BANYAN_PLUGIN_FRONTEND ? "frontends"
                        : the_case->kind == BANYAN_PLUGIN_OBJECT ? "objects"
                                                                 : "nodes";
  const char *kind_key = strcmp (section, "nodes") == 0 ? "driver" : "type";

  return g_strdup_printf ("version: 1\n%s:\n  top:\n    %s: %s\n    %s: %s\n", section, kind_key,
                          the_case->type, key, value);
}

/* Whether a problem in the line of the value names the property, and what was wrong with it. */
static gboolean
is_named (BanyanProblems *problems, const char *key, const char *says)
{
  for (guint i = 0; i < banyan_problems_get_length (problems); i++)
    {
      g_autofree char *message = banyan_problems_get_message (problems, i);

      if (g_str_has_prefix (message, "test.yaml:5:") && strstr (message, key) != NULL
          && strstr (message, says) != NULL)
        return TRUE;
    }
  return FALSE;
}

static void
must_refuse (const Case *the_case, const char *key, const char *value, const char *says)
{
  g_autofree char *document = document_with (the_case, key, value);
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (GError) error = NULL;

  banyan_graph_check (graph, document, -1, "test.yaml", g_get_tmp_dir (), problems);
  if (!is_named (problems, key, says))
    {
      banyan_problems_check (problems, &error);
      g_error ("%s took %s: %s without a word of %s and %s. It said: %s", the_case->type, key,
               value, key, says, error != NULL ? error->message : "nothing");
    }
  banyan_graph_close (graph, &error);
}

/* -- Values that a declaration excludes. -- */

/* Where a property is declared: at the top, or within one that has parts. */
typedef struct
{
  const Case *the_case;
  const char *key;    /* (nullable): the outermost property */
  const char *before; /* what stands between it and this one, and behind */
  const char *after;
  guint depth;
} Place;

/* Odd, so that no message writes what comes out as so many MiB. */
#define BEYOND 12345

/* Structs within structs, and so on: rules of rules end somewhere. */
#define MAX_DEPTH 4

static void
refuse (const Place *place, const char *name, const char *value, const char *says)
{
  g_autofree char *whole = NULL;

  if (place->key == NULL)
    {
      must_refuse (place->the_case, name, value, says);
      return;
    }

  whole = g_strdup_printf ("%s%s: %s%s", place->before, name, value, place->after);
  must_refuse (place->the_case, place->key, whole, says);
}

static void
try_outside (const Place *place, GParamSpec *pspec)
{
  const char *name = pspec->name;
  g_autofree char *below = NULL;
  g_autofree char *above = NULL;

  if (G_IS_PARAM_SPEC_UINT (pspec))
    {
      below
          = g_strdup_printf ("%" G_GINT64_FORMAT, (gint64) G_PARAM_SPEC_UINT (pspec)->minimum - 1);
      above = g_strdup_printf ("%" G_GINT64_FORMAT,
                               (gint64) G_PARAM_SPEC_UINT (pspec)->maximum + BEYOND);
    }
  else if (G_IS_PARAM_SPEC_INT (pspec))
    {
      below = g_strdup_printf ("%" G_GINT64_FORMAT, (gint64) G_PARAM_SPEC_INT (pspec)->minimum - 1);
      above = g_strdup_printf ("%" G_GINT64_FORMAT,
                               (gint64) G_PARAM_SPEC_INT (pspec)->maximum + BEYOND);
    }
  else if (G_IS_PARAM_SPEC_UINT64 (pspec))
    {
      guint64 minimum = G_PARAM_SPEC_UINT64 (pspec)->minimum;
      guint64 maximum = G_PARAM_SPEC_UINT64 (pspec)->maximum;

      below = minimum == 0 ? g_strdup ("-1") : g_strdup_printf ("%" G_GUINT64_FORMAT, minimum - 1);
      above = maximum > G_MAXUINT64 - BEYOND
                  ? g_strdup ("18446744073709551616")
                  : g_strdup_printf ("%" G_GUINT64_FORMAT, maximum + BEYOND);
    }
  if (below == NULL)
    return;

  refuse (place, name, below, below);
  refuse (place, name, above, above);
}

static void try_class (const Place *place, GType type);

/* All that the class @type declares, as parts of @name: between @begin and @end. */
static void
try_parts (const Place *place, const char *name, GType type, const char *begin, const char *end)
{
  const char *outer = place->key != NULL ? name : "";
  const char *colon = place->key != NULL ? ": " : "";
  g_autofree char *before = g_strconcat (place->before, outer, colon, begin, NULL);
  g_autofree char *after = g_strconcat (end, place->after, NULL);
  const Place inner = { place->the_case, place->key != NULL ? place->key : name, before, after,
                        place->depth + 1 };

  if (inner.depth <= MAX_DEPTH)
    try_class (&inner, type);
}

/* Which keys there are may depend on one of them. */
static void
try_struct (const Place *place, const char *name, GType type, const char *begin, const char *end)
{
  BanyanStructClass *klass = g_type_class_ref (type);
  const char *discriminator = banyan_struct_class_get_discriminator (klass);
  g_autofree char *value = g_strdup_printf ("%s%s: no-such-one%s", begin,
                                            discriminator != NULL ? discriminator : "no-key", end);
  g_autofree GType *variants = NULL;
  guint n_variants = 0;

  refuse (place, name, value, discriminator != NULL ? "no-such-one" : "no-key");
  if (discriminator == NULL)
    try_parts (place, name, type, begin, end);
  else
    variants = banyan_struct_list_variants (type, &n_variants);
  for (guint i = 0; i < n_variants; i++)
    {
      BanyanStructClass *variant = g_type_class_ref (variants[i]);
      g_autofree char *chosen = g_strdup_printf ("%s%s: %s, ", begin, discriminator,
                                                 banyan_struct_class_get_name (variant));

      try_parts (place, name, variants[i], chosen, end);
      g_type_class_unref (variant);
    }
  g_type_class_unref (klass);
}

static void
try_elements (const Place *place, GParamSpec *pspec)
{
  GParamSpec *element = banyan_param_get_element (pspec);
  GType type = G_PARAM_SPEC_VALUE_TYPE (element);
  const char *target = banyan_param_get_link_target (element);

  refuse (place, pspec->name, "no-list", "no-list");
  if (banyan_param_has_members (pspec))
    try_parts (place, pspec->name, g_type_from_name (target), "{ member: { ", " } }");
  else if (g_type_is_a (type, BANYAN_TYPE_STRUCT))
    try_struct (place, pspec->name, type, "[{ ", " }]");
  else if (target != NULL && G_PARAM_SPEC_VALUE_TYPE (pspec) == BANYAN_TYPE_LIST)
    refuse (place, pspec->name, "[no-such-one]", "no-such-one");
}

static void
try_other_types (const Place *place, GParamSpec *pspec)
{
  const char *name = pspec->name;
  GType type = G_PARAM_SPEC_VALUE_TYPE (pspec);

  if (banyan_param_get_link_target (pspec) != NULL)
    refuse (place, name, "no-such-one", "no-such-one");
  else if (type == G_TYPE_BOOLEAN)
    refuse (place, name, "perhaps", "perhaps");
  else if (G_TYPE_IS_ENUM (type) || G_TYPE_IS_FLAGS (type))
    refuse (place, name, "no-such-word", "no-such-word");
  else if (type == G_TYPE_STRING)
    refuse (place, name, "{ a: 1 }", "map");
  else if (g_type_is_a (type, BANYAN_TYPE_STRUCT))
    try_struct (place, name, type, "{ ", " }");
  else if (banyan_param_get_element (pspec) != NULL)
    try_elements (place, pspec);
  else
    refuse (place, name, "fast", "fast");
}

static gboolean
can_be_declared (GParamSpec *pspec)
{
  return (pspec->flags & G_PARAM_WRITABLE)
         && banyan_param_get_kind (pspec) == BANYAN_PARAM_CONFIGURATION
         && strcmp (pspec->name, "id") != 0;
}

static guint n_tried;

static void
try_class (const Place *place, GType type)
{
  GObjectClass *klass = g_type_class_ref (type);
  guint n_properties;
  g_autofree GParamSpec **properties = g_object_class_list_properties (klass, &n_properties);

  for (guint i = 0; i < n_properties; i++)
    if (can_be_declared (properties[i]))
      {
        try_outside (place, properties[i]);
        try_other_types (place, properties[i]);
        n_tried++;
      }
  g_type_class_unref (klass);
}

static void
test_wrong_values (const Case *the_case)
{
  g_autoptr (GError) error = NULL;
  GType type = banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                                 1u << the_case->kind, the_case->type, &error);
  const Place top = { the_case, NULL, "", "", 0 };

  g_test_summary ("A value outside of a property's range or of another type, a reference to "
                  "nothing and an unknown word are refused, with the property and the value; so "
                  "are those within structs, lists and members");

  g_assert_no_error (error);
  n_tried = 0;
  try_class (&top, type);
  g_assert_cmpuint (n_tried, >, 0);
  g_test_message ("%u properties", n_tried);
}

static void
test_unknown_keys (const Case *the_case)
{
  g_test_summary ("A key that no property has is refused by name, and state cannot be declared");

  must_refuse (the_case, "no-such-property", "1", the_case->type);
  must_refuse (the_case, "state", "open", "state");
}

/* -- Values that have to be given, where no document is read. -- */

static GParamSpec **
list_required (BanyanObject *object, guint *n_required)
{
  guint n_pspecs;
  GParamSpec **pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);

  *n_required = 0;
  for (guint i = 0; i < n_pspecs; i++)
    if (banyan_param_is_required (pspecs[i]))
      pspecs[(*n_required)++] = pspecs[i];
  return pspecs;
}

static void
test_bare (const Case *the_case)
{
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (graph);
  g_autofree GParamSpec **required = NULL;
  g_autoptr (BanyanObject) object = NULL;
  g_autoptr (GError) error = NULL;
  gboolean opened;
  guint n_required;

  g_test_summary ("What is made in code without any property is refused, with all that it needs");

  object = banyan_object_new (the_case->type, "bare", &error);
  g_assert_no_error (error);
  required = list_required (object, &n_required);
  banyan_transaction_add (transaction, object, NULL);
  opened = banyan_transaction_commit (transaction, &error);
  g_assert_true (n_required == 0 || !opened);
  for (guint i = 0; i < n_required; i++)
    {
      g_autofree char *property = g_strdup_printf ("\"%s\"", required[i]->name);
      g_autofree char *edge = g_strdup_printf ("bare:%s ", required[i]->name);

      if (strstr (error->message, property) == NULL && strstr (error->message, edge) == NULL)
        g_error ("%s does not say that it needs %s: %s", the_case->type, property, error->message);
    }

  g_clear_object (&transaction);
  g_clear_error (&error);
  banyan_graph_close (graph, &error);
  g_assert_no_error (error);
}

/* Why an open object keeps it. A rule of the driver's own may be broken besides. */
static char *
dup_reason (GParamSpec *pspec)
{
  GParamSpec *element = banyan_param_get_element (pspec);
  const char *target = banyan_param_get_link_target (element != NULL ? element : pspec);

  if (banyan_param_get_mutability (pspec) == BANYAN_MUTABLE_BEFORE_OPEN)
    return g_strdup_printf ("%s can be set before opening only", pspec->name);
  if (g_strcmp0 (target, "BanyanNode") == 0)
    return g_strdup_printf ("/nodes/top:%s leads to no node", pspec->name);
  return g_strdup_printf ("needs the property \"%s\"", pspec->name);
}

static void
must_keep (BanyanTestGraph *graph, BanyanObject *object, GParamSpec *pspec)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (graph));
  g_autofree char *reason = dup_reason (pspec);
  g_autoptr (GError) error = NULL;

  banyan_transaction_reset (transaction, object, pspec->name);
  if (banyan_transaction_commit (transaction, &error))
    g_error ("%s was reset, and is required", pspec->name);
  if (strstr (error->message, reason) == NULL)
    g_error ("%s was reset; that it %s is not said: %s", pspec->name, reason, error->message);
}

static void
test_reset (const Case *the_case)
{
  g_autofree GParamSpec **required = NULL;
  g_autofree char *document = NULL;
  BanyanTestGraph *graph;
  BanyanObject *object;
  guint n_required;
  Stage stage;

  g_test_summary (
      "What an open driver requires cannot be taken back, and that is the reason given, "
      "or that it cannot be changed at all");

  stage_init (&stage, the_case);
  document = stage_dup_document (&stage, "");
  graph = stage_load (&stage, document);
  object = BANYAN_OBJECT (banyan_test_get_node (graph, "top"));
  required = list_required (object, &n_required);
  for (guint i = 0; i < n_required; i++)
    must_keep (graph, object, required[i]);
  banyan_test_graph_free (graph);
  stage_clear (&stage);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  conformance_add (ALL_KINDS, "refuses-wrong-values", test_wrong_values);
  conformance_add (ALL_KINDS, "refuses-unknown-keys", test_unknown_keys);
  conformance_add (ALL_KINDS, "says-what-it-needs", test_bare);
  conformance_add (DRIVER_KINDS, "keeps-what-it-needs", test_reset);
  return g_test_run ();
}
