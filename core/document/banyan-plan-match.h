/* banyan-plan-match.h - between the files that find out which running object is which of a document
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-plan-private.h"

G_BEGIN_DECLS

/* What has to be the same. */
typedef enum
{
  BANYAN_MATCH_BY_VALUE,    /* every value, also of what is declared inside */
  BANYAN_MATCH_BY_IDENTITY, /* what identifies, also of what is declared inside */
  BANYAN_MATCH_BY_ITSELF,   /* what identifies */
  BANYAN_MATCH_BY_PLACE,    /* where it is */
} BanyanMatchManner;

/* Which of the objects above one both have to be below. */
typedef enum
{
  BANYAN_MATCH_NEAREST,
  BANYAN_MATCH_UPPERMOST,
} BanyanMatchTop;

typedef struct
{
  BanyanPlan *plan;
  GHashTable *objects; /* (unowned): twin to object */
  GHashTable *twins;   /* (unowned): object to twin */
  GPtrArray *running;  /* (unowned) (element-type BanyanObject): nodes */
  GPtrArray *found;    /* (unowned) (element-type BanyanObject): twins, in the order found */
  guint n_seen;        /* of these, whose children were compared by what they are */
  guint n_done;        /* and by where they are */
  GHashTable *numbers; /* (unowned): descriptions of lists' children, each with a number */
  GHashTable *described[BANYAN_MATCH_BY_PLACE]; /* (unowned): objects with those numbers */
} BanyanMatch;

/* Whether they are of one type, and neither belongs to another. */
gboolean banyan_match_is_free (BanyanMatch *self, BanyanObject *twin, BanyanObject *object);
gboolean banyan_match_pair (BanyanMatch *self, BanyanObject *twin, BanyanObject *object);
/* Whether its type has properties that identify. */
gboolean banyan_match_append_identity (GString *key, BanyanObject *object);
/* What the document put below what others did. (nullable) */
BanyanNode *banyan_match_look_through (BanyanNode *node);
/* Children in lists of a pair (banyan-plan-lists.c). */
void banyan_match_lists (BanyanMatch *self, BanyanElement *twin, BanyanElement *object,
                         gboolean in_any_case);

G_END_DECLS
