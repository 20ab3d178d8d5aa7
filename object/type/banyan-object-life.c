/* banyan-object-life.c - opening, closing and changing an object
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Classes that acquire resources bring their own ways; what is here serves those that have none to
 * acquire, and waits for those that have. */

#include "banyan-object-private.h"

#include "banyan-blocking-private.h"
#include "banyan-param-private.h"

/* -- What a plain object does. -- */

static gboolean
may_open (BanyanObject *self, GError **error)
{
  g_autoptr (BanyanProblems) problems = NULL;
  g_autoptr (BanyanProposal) proposal = NULL;
  g_autofree char *name = NULL;

  if (banyan_object_get_state (self) >= BANYAN_OBJECT_OPEN)
    {
      name = banyan_object_dup_name (self);
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE, "%s is %s", name,
                   banyan_object_get_state (self) == BANYAN_OBJECT_OPEN
                       ? "open already"
                       : "closed and stays so; make a new one");
      return FALSE;
    }

  problems = banyan_problems_new ();
  proposal = banyan_proposal_new (self);
  banyan_object_check (self, proposal, problems);
  return banyan_problems_check (problems, error);
}

static gboolean
may_close (BanyanObject *self, GError **error)
{
  g_auto (GStrv) users = NULL;
  g_autofree char *list = NULL;
  g_autofree char *name = NULL;

  if (banyan_object_get_n_users (self) == 0)
    return TRUE;

  name = banyan_object_dup_name (self);
  users = banyan_object_describe_users (self);
  list = g_strjoinv (", ", users);
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY,
               "%s is in use by %s; remove that first", name, list);
  return FALSE;
}

static void
complete (GTask *task, gboolean succeeded, GError *error)
{
  if (succeeded)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
open_plain (BanyanObject *self, GCancellable *cancellable, GAsyncReadyCallback callback,
            gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;
  gboolean opened = may_open (self, &error);

  g_task_set_source_tag (task, open_plain);
  if (opened)
    banyan_object_set_state (self, BANYAN_OBJECT_OPEN);
  complete (task, opened, error);
}

static void
close_plain (BanyanObject *self, GCancellable *cancellable, GAsyncReadyCallback callback,
             gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;
  gboolean closed = may_close (self, &error);

  g_task_set_source_tag (task, close_plain);
  if (closed)
    banyan_object_set_state (self, BANYAN_OBJECT_CLOSED);
  complete (task, closed, error);
}

static gboolean
may_change (BanyanObject *self, GParamSpec *pspec, GError **error)
{
  BanyanObjectState state = banyan_object_get_state (self);
  g_autofree char *name = NULL;

  if (state == BANYAN_OBJECT_CONSTRUCTED
      || (state == BANYAN_OBJECT_OPEN
          && banyan_param_get_mutability (pspec) == BANYAN_MUTABLE_LIVE))
    return TRUE;

  name = banyan_object_dup_name (self);
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
               state == BANYAN_OBJECT_OPEN ? "%s: %s may change before opening only"
                                           : "%s: %s cannot change while the object is not open",
               name, pspec->name);
  return FALSE;
}

static gboolean
change_one (BanyanObject *self, const char *key, BanyanSpec *spec, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanProposal) proposal = NULL;
  g_autoptr (BanyanSpec) declared = NULL;
  g_auto (GValue) value = G_VALUE_INIT;
  GParamSpec *pspec;

  if (!banyan_mapper_convert (BANYAN_ROOT (banyan_object_get_root (self)), NULL, self, key, spec,
                              &pspec, &value, problems))
    return banyan_problems_check (problems, error);
  if (!may_change (self, pspec, error))
    return FALSE;

  /* While an object is being put together, one rule after the other comes to hold. */
  if (banyan_object_get_state (self) == BANYAN_OBJECT_OPEN)
    {
      proposal = banyan_proposal_new (self);
      banyan_proposal_set (proposal, pspec->name, &value, banyan_spec_get_origin (spec));
      banyan_object_check (self, proposal, problems);
      if (!banyan_problems_check (problems, error))
        return FALSE;
    }

  declared = banyan_object_declare_nested (self, key, spec);
  banyan_object_put (self, pspec, &value, declared);
  return TRUE;
}

static void
change_plain (BanyanObject *self, const char *key, BanyanSpec *value, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;
  gboolean changed = change_one (self, key, value, &error);

  g_task_set_source_tag (task, change_plain);
  complete (task, changed, error);
}

static gboolean
finish_plain (BanyanObject *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
banyan_object_class_init_life (BanyanObjectClass *klass)
{
  klass->open_async = open_plain;
  klass->open_finish = finish_plain;
  klass->close_async = close_plain;
  klass->close_finish = finish_plain;
  klass->change_async = change_plain;
  klass->change_finish = finish_plain;
}

/* -- What callers see. -- */

/**
 * banyan_object_open_async:
 * @self: an object that is not open yet
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called on the main thread when it is open or has failed
 * @user_data: passed to @callback
 *
 * Acquires what @self needs, after its class has checked the values. A failed open leaves nothing
 * behind.
 */
void
banyan_object_open_async (BanyanObject *self, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (BANYAN_IS_OBJECT (self));

  BANYAN_OBJECT_GET_CLASS (self)->open_async (self, cancellable, callback, user_data);
}

/**
 * banyan_object_open_finish:
 * @self: an object
 * @result: what the callback got
 * @error: where to put the error, or %NULL
 *
 * Returns: whether @self is open
 */
gboolean
banyan_object_open_finish (BanyanObject *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), FALSE);

  return BANYAN_OBJECT_GET_CLASS (self)->open_finish (self, result, error);
}

/**
 * banyan_object_close_async:
 * @self: an object
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called on the main thread when it is closed or cannot be
 * @user_data: passed to @callback
 *
 * Gives back what @self acquired. Refused while someone links to it. A closed object stays so.
 */
void
banyan_object_close_async (BanyanObject *self, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (BANYAN_IS_OBJECT (self));

  BANYAN_OBJECT_GET_CLASS (self)->close_async (self, cancellable, callback, user_data);
}

/**
 * banyan_object_close_finish:
 * @self: an object
 * @result: what the callback got
 * @error: where to put the error, or %NULL
 *
 * Returns: whether @self is closed
 */
gboolean
banyan_object_close_finish (BanyanObject *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), FALSE);

  return BANYAN_OBJECT_GET_CLASS (self)->close_finish (self, result, error);
}

/**
 * banyan_object_set_async:
 * @self: an object
 * @key: the name or an alias of a property; `cache.direct` means a field of a struct
 * @value: the new value, as a document would give it
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called on the main thread when the value is in force or refused
 * @user_data: passed to @callback
 *
 * Changes one property. On an open object this is a transaction of one step: it may wait, and it
 * may be refused.
 */
void
banyan_object_set_async (BanyanObject *self, const char *key, BanyanSpec *value,
                         GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  g_return_if_fail (BANYAN_IS_OBJECT (self));
  g_return_if_fail (key != NULL && value != NULL);

  /* Before opening there is nothing to wait for and no transaction to be part of. */
  if (banyan_object_get_state (self) == BANYAN_OBJECT_CONSTRUCTED)
    change_plain (self, key, value, cancellable, callback, user_data);
  else
    BANYAN_OBJECT_GET_CLASS (self)->change_async (self, key, value, cancellable, callback,
                                                  user_data);
}

/**
 * banyan_object_set_finish:
 * @self: an object
 * @result: what the callback got
 * @error: where to put the error, or %NULL
 *
 * Returns: whether the value is in force
 */
gboolean
banyan_object_set_finish (BanyanObject *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), FALSE);

  if (g_task_is_valid (result, self) && g_task_get_source_tag (G_TASK (result)) == change_plain)
    return finish_plain (self, result, error);

  return BANYAN_OBJECT_GET_CLASS (self)->change_finish (self, result, error);
}

/* -- Waiting. -- */

/**
 * banyan_object_open:
 * @self: an object that is not open yet
 * @error: where to put the error, or %NULL
 *
 * As banyan_object_open_async(), and runs the main loop until it ends. Refused with
 * %G_IO_ERROR_WOULD_BLOCK inside a callback of that loop.
 *
 * Returns: whether @self is open
 */
gboolean
banyan_object_open (BanyanObject *self, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), FALSE);

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  banyan_object_open_async (self, NULL, banyan_keep_result, &result);
  return banyan_object_open_finish (self, banyan_wait_for_result (&result), error);
}

/**
 * banyan_object_close:
 * @self: an object
 * @error: where to put the error, or %NULL
 *
 * As banyan_object_close_async(), and runs the main loop until it ends. Refused with
 * %G_IO_ERROR_WOULD_BLOCK inside a callback of that loop.
 *
 * Returns: whether @self is closed
 */
gboolean
banyan_object_close (BanyanObject *self, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), FALSE);

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  banyan_object_close_async (self, NULL, banyan_keep_result, &result);
  return banyan_object_close_finish (self, banyan_wait_for_result (&result), error);
}

/* "{ direct: true }" and "[a, b]" are read as YAML where the property has parts; all else is a
 * plain scalar. */
static BanyanSpec *
spec_of_text (BanyanObject *self, const char *key, const char *text, BanyanProblems *problems)
{
  const BanyanOrigin *origin = banyan_object_get_setter_origin (self);
  g_autofree char *first = g_strndup (key, strcspn (key, "."));
  GParamSpec *pspec;

  if (!text)
    return banyan_spec_new_null (origin);

  pspec = banyan_object_class_find_key (G_OBJECT_GET_CLASS (self), first);
  if (pspec && !G_IS_PARAM_SPEC_STRING (pspec) && (text[0] == '{' || text[0] == '['))
    return banyan_spec_parse_yaml (text, -1, "value", problems);

  return banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, origin);
}

/**
 * banyan_object_set:
 * @self: an object
 * @key: the name or an alias of a property; `cache.direct` means a field of a struct
 * @value: (nullable): the new value as a document would have it, or %NULL for null
 * @error: where to put the error, or %NULL
 *
 * As banyan_object_set_async(), and runs the main loop until it ends. Refused with
 * %G_IO_ERROR_WOULD_BLOCK inside a callback of that loop.
 *
 * Returns: whether the value is in force
 */
gboolean
banyan_object_set (BanyanObject *self, const char *key, const char *value, GError **error)
{
  g_autoptr (BanyanProblems) problems = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (BanyanSpec) spec = NULL;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);

  if (!banyan_may_block (G_STRFUNC, error))
    return FALSE;

  problems = banyan_problems_new ();
  spec = spec_of_text (self, key, value, problems);
  if (!banyan_problems_check (problems, error))
    return FALSE;

  banyan_object_set_async (self, key, spec, NULL, banyan_keep_result, &result);
  return banyan_object_set_finish (self, banyan_wait_for_result (&result), error);
}
