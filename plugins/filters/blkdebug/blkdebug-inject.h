/* blkdebug-inject.h - errors as QEMU's blkdebug injects them: events, states, rules that wait
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "blkdebug-rule.h"

G_BEGIN_DECLS

/* As declared: values, frozen once set. */
#define BLKDEBUG_TYPE_INJECT (blkdebug_inject_get_type ())
G_DECLARE_FINAL_TYPE (BlkdebugInject, blkdebug_inject, BLKDEBUG, INJECT, BanyanStruct)
#define BLKDEBUG_TYPE_SET_STATE (blkdebug_set_state_get_type ())
G_DECLARE_FINAL_TYPE (BlkdebugSetState, blkdebug_set_state, BLKDEBUG, SET_STATE, BanyanStruct)

/* At work: for any number of iothreads. */
typedef struct _BlkdebugMachine BlkdebugMachine;

BlkdebugMachine *blkdebug_machine_new (void);
void blkdebug_machine_free (BlkdebugMachine *self);
/* Before its first event. Lists of the types above, or NULL. */
void blkdebug_machine_add (BlkdebugMachine *self, BanyanList *inject, BanyanList *set_state);

void blkdebug_machine_event (BlkdebugMachine *self, BanyanDebugEvent event);
/* FALSE with an error of BANYAN_ERRNO: a rule struck. */
gboolean BANYAN_COROUTINE blkdebug_machine_check (BlkdebugMachine *self, const char *id,
                                                  BlkdebugOperations operation, guint64 offset,
                                                  guint64 length, GError **error);
guint64 blkdebug_machine_get_triggered (BlkdebugMachine *self);

G_END_DECLS
