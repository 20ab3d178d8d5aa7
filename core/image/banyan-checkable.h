/* banyan-checkable.h - drivers that can tell whether an image is in order, and mend it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-node.h>

G_BEGIN_DECLS

#define BANYAN_TYPE_CHECKABLE (banyan_checkable_get_type ())
BANYAN_API
G_DECLARE_INTERFACE (BanyanCheckable, banyan_checkable, BANYAN, CHECKABLE, BanyanNode)

/**
 * BanyanCheckFix:
 * @BANYAN_CHECK_FIX_LEAKS: space that nothing uses is given back
 * @BANYAN_CHECK_FIX_ERRORS: what is wrong is mended as well as can be
 *
 * What a check may write.
 */
typedef enum
{
  BANYAN_CHECK_FIX_LEAKS = 1 << 0,
  BANYAN_CHECK_FIX_ERRORS = 1 << 1,
} BanyanCheckFix;

typedef struct _BanyanCheck BanyanCheck;

/* One check: who asks fills in what it wants, the driver what it finds. */
struct _BanyanCheck
{
  guint32 size;
  guint32 fix; /* BanyanCheckFix */

  /* (nullable): each finding in words, and how far it has come. In the coroutine. */
  void (*found) (BanyanCheck *self, const char *finding);
  void (*progress) (BanyanCheck *self, double fraction);
  gpointer data;

  /* What there was, before anything was mended. */
  guint64 corruptions;
  guint64 leaks;
  guint64 check_errors; /* what could not be looked at */
  guint64 corruptions_fixed;
  guint64 leaks_fixed;

  guint64 image_end_offset; /* bytes */
  guint64 total_clusters;
  guint64 allocated_clusters;
  guint64 fragmented_clusters;
  guint64 compressed_clusters;
};

#define BANYAN_CHECK_INIT \
  { \
    .size = sizeof (BanyanCheck) \
  }

struct _BanyanCheckableInterface
{
  GTypeInterface parent_iface;

  /* In a coroutine, within a request, with nobody else writing. FALSE: it could not be carried out;
   * findings are no failure. */
  gboolean (*check) (BanyanCheckable *self, BanyanCheck *check, GError **error);

  BANYAN_RESERVED (4);
};

BANYAN_API
gboolean BANYAN_COROUTINE banyan_checkable_check (BanyanCheckable *self, BanyanCheck *check,
                                                  GError **error);
BANYAN_API
void banyan_check_found (BanyanCheck *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
BANYAN_API
void banyan_check_tell_progress (BanyanCheck *self, double fraction);

G_END_DECLS
