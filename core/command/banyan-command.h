/* banyan-command.h - something that a monitor can be told to do: a struct of arguments that runs
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-monitor.h>
#include <banyan/banyan-struct.h>

G_BEGIN_DECLS

/**
 * BanyanCommandFlags:
 * @BANYAN_COMMAND_OUT_OF_BAND: may overtake commands that wait; it runs at once and only asks, or
 *   lets go of something
 * @BANYAN_COMMAND_BEFORE_CAPABILITIES: may come before the client has agreed on capabilities
 *
 * What is special about a command.
 */
typedef enum
{
  BANYAN_COMMAND_OUT_OF_BAND = 1 << 0,
  BANYAN_COMMAND_BEFORE_CAPABILITIES = 1 << 1,
} BanyanCommandFlags;

#define BANYAN_TYPE_COMMAND (banyan_command_get_type ())
BANYAN_API
G_DECLARE_DERIVABLE_TYPE (BanyanCommand, banyan_command, BANYAN, COMMAND, BanyanStruct)

/* A command implements one of run, add_steps and run_async. Main thread. */
struct _BanyanCommandClass
{
  BanyanStructClass parent_class;

  /* At once. (transfer full): the result; NULL with @error */
  BanyanSpec *(*run) (BanyanCommand *self, BanyanMonitor *monitor, GError **error);
  /* As steps of a change: by itself it is a transaction, and "transaction" takes many. Its result
   * is empty. */
  gboolean (*add_steps) (BanyanCommand *self, BanyanMonitor *monitor,
                         BanyanTransaction *transaction, GError **error);
  /* Over some time. */
  void (*run_async) (BanyanCommand *self, BanyanMonitor *monitor, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data);
  BanyanSpec *(*run_finish) (BanyanCommand *self, GAsyncResult *result, GError **error);

  BANYAN_RESERVED (8);
};

/* -- Class set-up. -- */

/* @name: as clients write it ("block_resize"). @result: the type of the result in QAPI's notation,
 * as YAML ("[{ node-name: str, '*file': str }]", "{}"): optional members have a star, lists are
 * lists of one, and types are str, int, bool, number, any, and enumerations "a|b|c". */
BANYAN_API
void banyan_command_class_describe (BanyanCommandClass *klass, const char *name, guint flags,
                                    const char *result);
/* Adds an argument, declared as any property is. */
BANYAN_API
void banyan_command_class_add_argument (BanyanCommandClass *klass, GParamSpec *pspec);
/* Keys that are no arguments of their own go into the spec that the argument @name takes: those of
 * "blockdev-add" are the node's. */
BANYAN_API
void banyan_command_class_set_flat (BanyanCommandClass *klass, const char *name);

BANYAN_API
const char *banyan_command_class_get_name (BanyanCommandClass *klass);
BANYAN_API
guint banyan_command_class_get_flags (BanyanCommandClass *klass);
BANYAN_API
gboolean banyan_command_lookup_flags (const char *name, guint *flags);
BANYAN_API
const char *banyan_command_class_get_result (BanyanCommandClass *klass);
BANYAN_API
const char *banyan_command_class_get_flat (BanyanCommandClass *klass); /* (nullable) */

/* As BANYAN_DEFINE_DRIVER, for a class whose instance struct is TypeName, which begins with a
 * BanyanCommand, and which has a type_name_class_init only. */
#define BANYAN_DEFINE_COMMAND(TypeName, type_name) \
  typedef BanyanCommandClass TypeName##Class; \
  GType type_name##_get_type (void); \
  BANYAN_DEFINE_DRIVER (TypeName, type_name, BANYAN_TYPE_COMMAND) \
  static void type_name##_init (TypeName *self) {}

/* -- Running. -- */

/* Makes the command called @name of @arguments (a map; NULL: none). Unknown, missing and wrong ones
 * are reported together. (transfer full): frozen; NULL with @error */
BANYAN_API
BanyanCommand *banyan_command_new (const char *name, BanyanSpec *arguments, GError **error);
BANYAN_API
void banyan_command_run_async (BanyanCommand *self, BanyanMonitor *monitor,
                               GCancellable *cancellable, GAsyncReadyCallback callback,
                               gpointer user_data);
BANYAN_API
BanyanSpec *banyan_command_run_finish (BanyanCommand *self, GAsyncResult *result, GError **error);
/* FALSE with @error also where it cannot be part of a transaction. */
BANYAN_API
gboolean banyan_command_add_steps (BanyanCommand *self, BanyanMonitor *monitor,
                                   BanyanTransaction *transaction, GError **error);
/* An empty map: what commands answer that have nothing to say. (transfer full) */
BANYAN_API
BanyanSpec *banyan_command_return_nothing (void);

/* What clients tell apart beyond BANYAN_CONFIG_ERROR and BANYAN_ERRNO, as QMP's error classes. */
#define BANYAN_COMMAND_ERROR (banyan_command_error_quark ())
BANYAN_API
GQuark banyan_command_error_quark (void);

/**
 * BanyanCommandError:
 * @BANYAN_COMMAND_ERROR_NOT_FOUND: there is no such command
 * @BANYAN_COMMAND_ERROR_NO_OBJECT: the object that it is about does not exist
 * @BANYAN_COMMAND_ERROR_NOT_ACTIVE: the object is not in a state to do it
 * @BANYAN_COMMAND_ERROR_ARGUMENT: an argument is unknown, missing or wrong
 *
 * Why a command was not carried out.
 */
typedef enum
{
  BANYAN_COMMAND_ERROR_NOT_FOUND,
  BANYAN_COMMAND_ERROR_NO_OBJECT,
  BANYAN_COMMAND_ERROR_NOT_ACTIVE,
  BANYAN_COMMAND_ERROR_ARGUMENT,
} BanyanCommandError;

G_END_DECLS
