/* banyan-plan-lists.c - which running child each one in a list of a document is
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One that was taken out of the middle of a list, put there, or moved in it leaves the others what
 * they are. So children of a list are found by what they are, with all that is declared inside of
 * them: the same in every value first; then those in which something was changed, but nothing that
 * identifies them or what is below them; then those of which this is true by themselves. Several
 * that are the same are taken in their order, but one in its place before others. */

#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-plan-match.h"

#include <string.h>

/* Beyond that, lists are matched without regard to their order. */
#define MOST_COMPARED (1 << 20)

/* -- What a child is, as a number that all have which are the same. -- */

static guint describe (BanyanMatch *self, BanyanObject *object, BanyanMatchManner manner);

static void
append_links (BanyanMatch *self, GString *text, BanyanObject *object, BanyanMatchManner manner)
{
  GPtrArray *edges = banyan_element_get_edges (BANYAN_ELEMENT (object));

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];
      BanyanObject *below = (BanyanObject *) banyan_match_look_through (edge->target);

      /* Of what an image names, a document knows nothing. */
      if (below == NULL || banyan_element_is_implied (BANYAN_ELEMENT (object), edge->role))
        continue;

      g_string_append_printf (text, " %.*s:", (int) strcspn (edge->role, "."), edge->role);
      if (banyan_object_is_implicit (below))
        g_string_append_printf (text, "%u", describe (self, below, manner));
      else
        g_string_append (text, banyan_object_get_id (below));
    }
}

static void
append_values (GString *text, BanyanObject *object)
{
  BanyanSpec *declaration = banyan_object_get_declaration (object);
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      BanyanSpec *declared = banyan_spec_lookup (declaration, pspecs[i]->name);
      g_auto (GValue) value = G_VALUE_INIT;
      g_autoptr (BanyanSpec) spec = NULL;
      g_autofree char *json = NULL;

      if (declared == NULL || banyan_param_get_role (pspecs[i]) != NULL
          || banyan_param_is_secret (pspecs[i]) || !(pspecs[i]->flags & G_PARAM_READABLE))
        continue;

      g_value_init (&value, pspecs[i]->value_type);
      g_object_get_property (G_OBJECT (object), pspecs[i]->name, &value);
      spec
          = banyan_param_has_links (pspecs[i])
                ? banyan_spec_ref (declared)
                : banyan_param_value_to_spec (pspecs[i], &value, banyan_spec_get_origin (declared));
      json = spec != NULL ? banyan_spec_to_json (spec, FALSE) : NULL;
      g_string_append_printf (text, " %s=%s", pspecs[i]->name, json != NULL ? json : "");
    }
}

/* Numbers, since a description has those of what is below in it. */
static guint
describe (BanyanMatch *self, BanyanObject *object, BanyanMatchManner manner)
{
  g_autoptr (GString) text = NULL;
  gpointer number;

  if (g_hash_table_lookup_extended (self->described[manner], object, NULL, &number))
    return GPOINTER_TO_UINT (number);

  self->plan->n_visits++;
  text = g_string_new (NULL);
  banyan_match_append_identity (text, object);
  if (manner == BANYAN_MATCH_BY_VALUE)
    append_values (text, object);
  if (manner != BANYAN_MATCH_BY_ITSELF)
    append_links (self, text, object, manner);

  if (!g_hash_table_lookup_extended (self->numbers, text->str, NULL, &number))
    {
      number = GUINT_TO_POINTER (g_hash_table_size (self->numbers) + 1);
      g_hash_table_insert (self->numbers, g_strdup (text->str), number);
    }
  g_hash_table_insert (self->described[manner], object, number);
  return GPOINTER_TO_UINT (number);
}

/* -- Two lists. -- */

/* What others put there is no document's to take over. */
static gboolean
has_same_manager (BanyanElement *element, BanyanNode *node)
{
  BanyanOriginKind kind = banyan_element_get_manager (BANYAN_ELEMENT (node))->kind;

  return kind == BANYAN_ORIGIN_DOCUMENT || kind == banyan_element_get_manager (element)->kind;
}

static GPtrArray *
list_children (BanyanElement *element, const char *role)
{
  GPtrArray *edges = banyan_element_get_edges (element);
  GPtrArray *children = g_ptr_array_new ();
  gsize length = strlen (role);

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];
      BanyanNode *child = banyan_match_look_through (edge->target);

      if (strncmp (edge->role, role, length) == 0 && edge->role[length] == '.' && child != NULL
          && has_same_manager (element, child))
        g_ptr_array_add (children, child);
    }
  return children;
}

/* As long as nobody took one out, what stands in the same place has the same name. */
static void
match_names (BanyanMatch *self, GPtrArray *twins, GPtrArray *objects, BanyanMatchManner manner)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < objects->len; i++)
    g_hash_table_insert (names, (gpointer) banyan_object_get_id (objects->pdata[i]),
                         objects->pdata[i]);
  for (guint i = 0; i < twins->len; i++)
    {
      BanyanObject *twin = twins->pdata[i];
      BanyanObject *object = g_hash_table_lookup (names, banyan_object_get_id (twin));

      if (object != NULL && banyan_match_is_free (self, twin, object)
          && (manner == BANYAN_MATCH_BY_PLACE
                  ? banyan_object_is_implicit (twin) && banyan_object_is_implicit (object)
                  : describe (self, twin, manner) == describe (self, object, manner)))
        banyan_match_pair (self, twin, object);
    }
}

/* Those that are free, as numbers. */
static GArray *
describe_free (BanyanMatch *self, GPtrArray *children, GHashTable *taken, BanyanMatchManner manner,
               GPtrArray *are_free)
{
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < children->len; i++)
    if (!g_hash_table_contains (taken, children->pdata[i]))
      {
        guint number = describe (self, children->pdata[i], manner);

        g_array_append_val (numbers, number);
        g_ptr_array_add (are_free, children->pdata[i]);
      }
  return numbers;
}

/* As many as can be in the order of both lists, so that of several that are the same the one is
 * missing that was taken out. The longest common part, counted from the ends. */
static void
match_in_order (BanyanMatch *self, GPtrArray *twins, GPtrArray *objects, BanyanMatchManner manner)
{
  g_autoptr (GPtrArray) ours = g_ptr_array_new (), theirs = g_ptr_array_new ();
  g_autoptr (GArray) one = describe_free (self, twins, self->objects, manner, ours);
  g_autoptr (GArray) other = describe_free (self, objects, self->twins, manner, theirs);
  guint width = other->len + 1, i = 0, j = 0;
  g_autofree guint *longest = NULL;

  if ((guint64) one->len * other->len > MOST_COMPARED)
    return;

  longest = g_new0 (guint, (one->len + 1) * width);
  for (i = one->len; i-- > 0;)
    for (j = other->len; j-- > 0;)
      longest[i * width + j] = g_array_index (one, guint, i) == g_array_index (other, guint, j)
                                   ? 1 + longest[(i + 1) * width + j + 1]
                                   : MAX (longest[(i + 1) * width + j], longest[i * width + j + 1]);

  for (i = j = 0; i < one->len && j < other->len;)
    if (g_array_index (one, guint, i) == g_array_index (other, guint, j))
      banyan_match_pair (self, ours->pdata[i++], theirs->pdata[j++]);
    else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1])
      i++;
    else
      j++;
}

static void
match_likes (BanyanMatch *self, GPtrArray *twins, GPtrArray *objects, BanyanMatchManner manner)
{
  g_autoptr (GHashTable) queues
      = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_queue_free);

  for (guint i = 0; i < objects->len; i++)
    {
      gpointer key;
      GQueue *queue;

      if (g_hash_table_contains (self->twins, objects->pdata[i]))
        continue;
      key = GUINT_TO_POINTER (describe (self, objects->pdata[i], manner));
      queue = g_hash_table_lookup (queues, key);
      if (queue == NULL)
        g_hash_table_insert (queues, key, queue = g_queue_new ());
      g_queue_push_tail (queue, objects->pdata[i]);
    }
  for (guint i = 0; i < twins->len; i++)
    {
      GQueue *queue;

      if (g_hash_table_contains (self->objects, twins->pdata[i]))
        continue;
      queue = g_hash_table_lookup (queues,
                                   GUINT_TO_POINTER (describe (self, twins->pdata[i], manner)));
      if (queue != NULL)
        banyan_match_pair (self, twins->pdata[i], g_queue_pop_head (queue));
    }
}

static void
match_list (BanyanMatch *self, BanyanElement *twin, BanyanElement *object, const char *role,
            gboolean in_any_case)
{
  g_autoptr (GPtrArray) twins = list_children (twin, role);
  g_autoptr (GPtrArray) objects = list_children (object, role);

  if (in_any_case)
    {
      match_names (self, twins, objects, BANYAN_MATCH_BY_PLACE);
      return;
    }
  for (BanyanMatchManner manner = BANYAN_MATCH_BY_VALUE; manner < BANYAN_MATCH_BY_PLACE; manner++)
    {
      match_names (self, twins, objects, manner);
      match_in_order (self, twins, objects, manner);
      match_likes (self, twins, objects, manner);
    }
}

static gboolean
has_lists (BanyanElement *element)
{
  GPtrArray *edges = banyan_element_get_edges (element);

  for (guint i = 0; i < edges->len; i++)
    if (((BanyanChild *) edges->pdata[i])->role_flags & BANYAN_CHILD_MANY)
      return TRUE;
  return FALSE;
}

/* Most have none, and need not be asked for their roles. */
void
banyan_match_lists (BanyanMatch *self, BanyanElement *twin, BanyanElement *object,
                    gboolean in_any_case)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_pspecs;

  if (!has_lists (object))
    return;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      const BanyanRole *role = banyan_param_get_role (pspecs[i]);

      if (role != NULL && role->flags & BANYAN_CHILD_MANY)
        match_list (self, twin, object, role->name, in_any_case);
    }
}
