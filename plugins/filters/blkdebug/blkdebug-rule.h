/* blkdebug-rule.h - one rule: which requests, and what happens to them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

typedef enum
{
  BLKDEBUG_READ = 1 << 0,
  BLKDEBUG_WRITE = 1 << 1,
  BLKDEBUG_FLUSH = 1 << 2,
  BLKDEBUG_DISCARD = 1 << 3,
  BLKDEBUG_WRITE_ZEROES = 1 << 4,
  BLKDEBUG_BLOCK_STATUS = 1 << 5,
  BLKDEBUG_RESIZE = 1 << 6,
} BlkdebugOperations;

#define BLKDEBUG_ALL_OPERATIONS 0x7f

/* As declared: a value, frozen once set. */
#define BLKDEBUG_TYPE_RULE (blkdebug_rule_get_type ())
G_DECLARE_FINAL_TYPE (BlkdebugRule, blkdebug_rule, BLKDEBUG, RULE, BanyanStruct)

/* At work: what iothreads match requests against. The list is exchanged whole. */
typedef struct
{
  guint operations;
  guint64 offset;
  guint64 end;
  int number; /* errno, 0: none */
  guint64 delay_ns;
  guint64 after;
  guint64 count;   /* 0: no end */
  guint64 chance;  /* of 2^32 */
  guint64 matched; /* atomic */
} BlkdebugMatcher;

typedef struct
{
  guint n_matchers;
  guint64 random;    /* atomic: state of the generator */
  guint64 triggered; /* atomic */
  BlkdebugMatcher matchers[];
} BlkdebugProgram;

/* @rules: a list of BlkdebugRule, or NULL. */
BlkdebugProgram *blkdebug_program_new (BanyanList *rules, guint64 seed);

/* Delays and fails the request as the rules say; FALSE with an error of BANYAN_ERRNO. */
gboolean BANYAN_COROUTINE blkdebug_program_run (BlkdebugProgram *self, const char *id,
                                                BlkdebugOperations operation, guint64 offset,
                                                guint64 length, GError **error);

G_END_DECLS
