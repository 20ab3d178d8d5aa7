/* banyan-command.c - something that a monitor can be told to do
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A command's arguments are the properties of its class, so whatever reads property metadata, the
 * checks, the browser, the wire protocol's schema, knows them without being told twice. */

#include <banyan/banyan-command.h>

#include <string.h>

G_DEFINE_ABSTRACT_TYPE (BanyanCommand, banyan_command, BANYAN_TYPE_STRUCT)

/**
 * banyan_command_error_quark:
 *
 * Returns: the domain of #BanyanCommandError
 */
G_DEFINE_QUARK (banyan-command-error-quark, banyan_command_error);

/* Each class's own, not inherited: class structs have no room that would not be. */
typedef struct
{
  const char *name;
  const char *result;
  const char *flat; /* (nullable) */
  guint flags;
  guint n_arguments;
} Description;

static G_DEFINE_QUARK (banyan_command_description, description);

static Description *
description_of (BanyanCommandClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);
  Description *self = g_type_get_qdata (type, description_quark ());

  if (self == NULL)
    {
      self = g_new0 (Description, 1);
      self->name = g_type_name (type);
      self->result = "{}";
      g_type_set_qdata (type, description_quark (), self);
    }
  return self;
}

/* -- Classes. -- */

static void
add_truth (BanyanSpecBuilder *map, const char *key, gboolean is_so)
{
  if (is_so)
    banyan_spec_builder_add_boolean (map, key, TRUE);
}

/* What `banyan inspect` and the wire protocol's schema tell of a command beyond its arguments. */
static void
describe (GObjectClass *object_class, BanyanSpecBuilder *map)
{
  BanyanCommandClass *klass = BANYAN_COMMAND_CLASS (object_class);
  guint flags = banyan_command_class_get_flags (klass);

  banyan_spec_builder_add_string (map, "command", banyan_command_class_get_name (klass));
  banyan_spec_builder_add_string (map, "result", banyan_command_class_get_result (klass));
  banyan_spec_builder_add_string (map, "flat", banyan_command_class_get_flat (klass));
  add_truth (map, "out-of-band", flags & BANYAN_COMMAND_OUT_OF_BAND);
  add_truth (map, "before-capabilities", flags & BANYAN_COMMAND_BEFORE_CAPABILITIES);
  add_truth (map, "in-transaction", klass->add_steps != NULL);
}

static void
banyan_command_class_init (BanyanCommandClass *klass)
{
  banyan_registry_add_describer (banyan_registry_get_default (), BANYAN_TYPE_COMMAND, describe);
}

static void
banyan_command_init (BanyanCommand *self)
{
}

/**
 * banyan_command_class_describe: (skip)
 * @klass: a class of commands
 * @name: (not nullable): the command's name on the wire; static, as all strings here
 * @flags: #BanyanCommandFlags
 * @result: (not nullable): the type of what it answers, in QAPI's notation written as YAML
 *
 * Says what a command is called and what it answers.
 */
void
banyan_command_class_describe (BanyanCommandClass *klass, const char *name, guint flags,
                               const char *result)
{
  Description *self;

  g_return_if_fail (BANYAN_IS_COMMAND_CLASS (klass));

  self = description_of (klass);
  self->name = name;
  /* What is wrong with its arguments is told of it by that name, not by the type's. */
  banyan_struct_class_set_name (BANYAN_STRUCT_CLASS (klass), name);
  self->flags = flags;
  self->result = result;
}

/**
 * banyan_command_class_add_argument: (skip)
 * @klass: a class of commands
 * @pspec: (transfer floating): the argument
 *
 * Declares an argument.
 */
void
banyan_command_class_add_argument (BanyanCommandClass *klass, GParamSpec *pspec)
{
  g_return_if_fail (BANYAN_IS_COMMAND_CLASS (klass));
  g_return_if_fail (G_IS_PARAM_SPEC (pspec));

  /* GObject does not hand accessors down to a subclass. */
  G_OBJECT_CLASS (klass)->set_property = banyan_struct_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_struct_get_field;
  g_object_class_install_property (G_OBJECT_CLASS (klass), ++description_of (klass)->n_arguments,
                                   pspec);
}

/**
 * banyan_command_class_set_flat: (skip)
 * @klass: a class of commands
 * @name: an argument that takes a declaration
 *
 * Lets the keys of the declaration stand among the arguments.
 */
void
banyan_command_class_set_flat (BanyanCommandClass *klass, const char *name)
{
  g_return_if_fail (BANYAN_IS_COMMAND_CLASS (klass));

  description_of (klass)->flat = name;
}

/**
 * banyan_command_class_get_name: (skip)
 * @klass: a class of commands
 *
 * Returns: what clients call the command
 */
const char *
banyan_command_class_get_name (BanyanCommandClass *klass)
{
  g_return_val_if_fail (BANYAN_IS_COMMAND_CLASS (klass), NULL);

  return description_of (klass)->name;
}

/**
 * banyan_command_class_get_flags: (skip)
 * @klass: a class of commands
 *
 * Returns: #BanyanCommandFlags
 */
guint
banyan_command_class_get_flags (BanyanCommandClass *klass)
{
  g_return_val_if_fail (BANYAN_IS_COMMAND_CLASS (klass), 0);

  return description_of (klass)->flags;
}

/**
 * banyan_command_class_get_result: (skip)
 * @klass: a class of commands
 *
 * Returns: the type of what the command answers
 */
const char *
banyan_command_class_get_result (BanyanCommandClass *klass)
{
  g_return_val_if_fail (BANYAN_IS_COMMAND_CLASS (klass), NULL);

  return description_of (klass)->result;
}

/**
 * banyan_command_class_get_flat: (skip)
 * @klass: a class of commands
 *
 * Returns: (nullable): the argument whose keys stand among the others
 */
const char *
banyan_command_class_get_flat (BanyanCommandClass *klass)
{
  g_return_val_if_fail (BANYAN_IS_COMMAND_CLASS (klass), NULL);

  return description_of (klass)->flat;
}

/* -- Making one of what a client sent. -- */

/* What a client would have to say to get the command nearest to @type_name. (transfer full)
 * (nullable) */
static char *
suggest (const char *type_name)
{
  BanyanRegistry *registry = banyan_registry_get_default ();
  BanyanTypeInfo **types = banyan_registry_list_types (registry);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *near;
  GTypeClass *klass;
  GType type = G_TYPE_INVALID;
  char *name;

  for (guint i = 0; types[i] != NULL; i++)
    {
      if (banyan_type_info_get_kind (types[i]) == BANYAN_PLUGIN_COMMAND)
        g_ptr_array_add (names, g_strdup (banyan_type_info_get_name (types[i])));
      banyan_type_info_unref (types[i]);
    }
  g_free (types);
  g_ptr_array_add (names, NULL);

  near = banyan_did_you_mean (type_name, (const char *const *) names->pdata);
  if (near != NULL)
    type = banyan_registry_get_type_by_name (registry, 1u << BANYAN_PLUGIN_COMMAND, near, NULL);
  if (type == G_TYPE_INVALID)
    return NULL;

  klass = g_type_class_ref (type);
  name = g_strdup (banyan_command_class_get_name ((BanyanCommandClass *) klass));
  g_type_class_unref (klass);
  return name;
}

static void
throw_unknown (const char *name, const char *type_name, const GError *reason, GError **error)
{
  g_autofree char *near = NULL;

  if (!g_error_matches (reason, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_UNKNOWN_TYPE))
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NOT_FOUND,
                 "The command %s cannot be loaded: %s", name, reason->message);
  else if ((near = suggest (type_name)) != NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NOT_FOUND,
                 "The command %s has not been found; did you mean \"%s\"?", name, near);
  else
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NOT_FOUND,
                 "The command %s has not been found; query-commands lists those there are", name);
}

/* Types have names with dashes only; QEMU's commands have both. */
static GTypeClass *
find_class (const char *name, GError **error)
{
  g_autofree char *type_name = g_strdelimit (g_strdup (name), "_", '-');
  g_autoptr (GError) reason = NULL;
  GType type = banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                                 1u << BANYAN_PLUGIN_COMMAND, type_name, &reason);
  GTypeClass *klass;

  if (type == G_TYPE_INVALID)
    {
      throw_unknown (name, type_name, reason, error);
      return NULL;
    }

  klass = g_type_class_ref (type);
  if (g_str_equal (banyan_command_class_get_name ((BanyanCommandClass *) klass), name))
    return klass;

  g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NOT_FOUND,
               "The command %s has not been found; did you mean \"%s\"?", name,
               banyan_command_class_get_name ((BanyanCommandClass *) klass));
  g_type_class_unref (klass);
  return NULL;
}

/**
 * banyan_command_lookup_flags: (skip)
 * @name: of a command
 * @flags: (out): its #BanyanCommandFlags
 *
 * Asks about a command before there are arguments for it.
 *
 * Returns: whether there is one of that name
 */
gboolean
banyan_command_lookup_flags (const char *name, guint *flags)
{
  g_autoptr (GTypeClass) klass = NULL;

  g_return_val_if_fail (name != NULL && flags != NULL, FALSE);

  klass = find_class (name, NULL);
  if (klass != NULL)
    *flags = banyan_command_class_get_flags ((BanyanCommandClass *) klass);
  return klass != NULL;
}

/* The keys that are no arguments of their own, gathered for the one that takes them. */
static BanyanSpec *
fold (BanyanCommandClass *klass, BanyanSpec *arguments)
{
  const char *flat = banyan_command_class_get_flat (klass);
  const BanyanOrigin *origin = banyan_spec_get_origin (arguments);
  BanyanSpecBuilder *own, *others;

  if (flat == NULL || banyan_spec_get_kind (arguments) != BANYAN_SPEC_MAP)
    return banyan_spec_ref (arguments);

  own = banyan_spec_builder_new (BANYAN_SPEC_MAP, origin);
  others = banyan_spec_builder_new (BANYAN_SPEC_MAP, origin);
  for (guint i = 0; i < banyan_spec_get_length (arguments); i++)
    {
      const char *key = banyan_spec_get_key (arguments, i);
      gboolean is_own = !g_str_equal (key, flat)
                        && g_object_class_find_property (G_OBJECT_CLASS (klass), key) != NULL;

      banyan_spec_builder_add (is_own ? own : others, key,
                               banyan_spec_get_key_origin (arguments, i),
                               banyan_spec_get_item (arguments, i));
    }

  banyan_spec_builder_take_built (own, flat, others);
  return banyan_spec_builder_end (own);
}

static BanyanCommand *
read_arguments (GTypeClass *klass, BanyanSpec *arguments, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) folded = fold ((BanyanCommandClass *) klass, arguments);
  BanyanStruct *made = banyan_struct_from_spec (
      G_TYPE_FROM_CLASS (klass), folded,
      banyan_command_class_get_name ((BanyanCommandClass *) klass), problems);

  if (made != NULL)
    return BANYAN_COMMAND (made);

  banyan_problems_check (problems, error);
  return NULL;
}

/**
 * banyan_command_new:
 * @name: of a command
 * @arguments: (nullable): a map of its arguments; %NULL: none
 * @error: where to put the error, or %NULL
 *
 * Makes a command of what a client sent. Everything that is wrong with the arguments is in one
 * error.
 *
 * Returns: (transfer full): the command, ready to run; %NULL with @error
 */
BanyanCommand *
banyan_command_new (const char *name, BanyanSpec *arguments, GError **error)
{
  g_autoptr (BanyanSpec) none = NULL;
  g_autoptr (GTypeClass) klass = NULL;

  g_return_val_if_fail (name != NULL, NULL);

  klass = find_class (name, error);
  if (klass == NULL)
    return NULL;

  if (arguments == NULL)
    arguments = none = banyan_command_return_nothing ();
  if (banyan_spec_get_kind (arguments) != BANYAN_SPEC_MAP)
    {
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "The arguments of %s must be an object", name);
      return NULL;
    }
  return read_arguments (klass, arguments, error);
}

/* -- Running. -- */

/**
 * banyan_command_return_nothing:
 *
 * Returns: (transfer full): an empty map: what commands answer that have nothing to say
 */
BanyanSpec *
banyan_command_return_nothing (void)
{
  return banyan_spec_builder_end (banyan_spec_builder_new_map ());
}

/**
 * banyan_command_add_steps:
 * @self: a command
 * @monitor: who runs it
 * @transaction: what it becomes a part of
 * @error: where to put the error, or %NULL
 *
 * Adds what a command does to a change.
 *
 * Returns: whether it could be added
 */
gboolean
banyan_command_add_steps (BanyanCommand *self, BanyanMonitor *monitor,
                          BanyanTransaction *transaction, GError **error)
{
  BanyanCommandClass *klass;

  g_return_val_if_fail (BANYAN_IS_COMMAND (self), FALSE);

  klass = BANYAN_COMMAND_GET_CLASS (self);
  if (klass->add_steps != NULL)
    return klass->add_steps (self, monitor, transaction, error);

  g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
               "%s cannot be part of a transaction", banyan_command_class_get_name (klass));
  return FALSE;
}

static void
committed (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (banyan_transaction_commit_finish (BANYAN_TRANSACTION (object), result, &error))
    g_task_return_pointer (task, banyan_command_return_nothing (),
                           (GDestroyNotify) banyan_spec_unref);
  else
    g_task_return_error (task, error);
}

static void
commit (BanyanCommand *self, BanyanMonitor *monitor, GTask *task)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_monitor_get_graph (monitor));
  GError *error = NULL;

  banyan_transaction_set_manager (transaction, banyan_monitor_get_origin (monitor));
  if (banyan_command_add_steps (self, monitor, transaction, &error))
    banyan_transaction_commit_async (transaction, g_task_get_cancellable (task), committed,
                                     g_object_ref (task));
  else
    g_task_return_error (task, error);
}

static void
finished (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  BanyanCommand *self = BANYAN_COMMAND (object);
  GError *error = NULL;
  BanyanSpec *answer = BANYAN_COMMAND_GET_CLASS (self)->run_finish (self, result, &error);

  if (answer != NULL)
    g_task_return_pointer (task, answer, (GDestroyNotify) banyan_spec_unref);
  else
    g_task_return_error (task, error);
}

/**
 * banyan_command_run_async:
 * @self: a command
 * @monitor: who runs it
 * @cancellable: (nullable): to give up, as far as it can be given up
 * @callback: (scope async): called on the main thread when it has ended
 * @user_data: passed to @callback
 *
 * Carries a command out.
 */
void
banyan_command_run_async (BanyanCommand *self, BanyanMonitor *monitor, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  BanyanCommandClass *klass;
  GError *error = NULL;
  BanyanSpec *answer;

  g_return_if_fail (BANYAN_IS_COMMAND (self));
  g_return_if_fail (BANYAN_IS_MONITOR (monitor));

  klass = BANYAN_COMMAND_GET_CLASS (self);
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_check_cancellable (task, FALSE);
  if (klass->run_async != NULL)
    klass->run_async (self, monitor, cancellable, finished, g_steal_pointer (&task));
  else if (klass->add_steps != NULL)
    commit (self, monitor, task);
  else if ((answer = klass->run (self, monitor, &error)) != NULL)
    g_task_return_pointer (task, answer, (GDestroyNotify) banyan_spec_unref);
  else
    g_task_return_error (task, error);
}

/**
 * banyan_command_run_finish:
 * @self: a command
 * @result: what the callback got
 * @error: where to put the error, or %NULL
 *
 * Returns: (transfer full): what it answers, or %NULL
 */
BanyanSpec *
banyan_command_run_finish (BanyanCommand *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
