/* qcow2-amend.c - images that are changed as they lie
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-amend.h"

#include "qcow2-downgrade.h"
#include "qcow2-rebuild.h"
#include "qcow2-snapshot.h"
#include "qcow2-walk.h"

#include <errno.h>
#include <string.h>

/* What version 2 means without saying it is said. */
static void
make_version_3 (Qcow2Header *header)
{
  if (header->version == 3)
    return;

  header->version = 3;
  header->length = QCOW2_V3_LENGTH;
  header->refcount_order = 4;
}

static void
set_backing (Qcow2Header *header, const char *file, const char *format)
{
  g_free (header->backing_file);
  header->backing_file = g_strdup (file);
  g_free (header->backing_format);
  header->backing_format = g_strdup (format);
  qcow2_header_set_extension (header, QCOW2_EXTENSION_BACKING_FORMAT, format,
                              format != NULL ? strlen (format) : 0);
}

static void
set_lazy (Qcow2Header *header, gboolean lazy)
{
  header->compatible &= ~(guint64) QCOW2_COMPATIBLE_LAZY_REFCOUNTS;
  if (lazy)
    header->compatible |= QCOW2_COMPATIBLE_LAZY_REFCOUNTS;
}

static gboolean BANYAN_COROUTINE
check (Qcow2Image *image, const Qcow2Amendment *amendment, GError **error)
{
  guint version = amendment->version != 0 ? amendment->version : image->header.version;
  guint bits
      = amendment->refcount_bits != 0 ? amendment->refcount_bits : 1u << image->refcount_order;

  if (amendment->sets_lazy_refcounts && amendment->lazy_refcounts && version == 2)
    return banyan_throw_errno (error, EINVAL, "%s: lazy-refcounts need version v3", image->name);
  if (bits == 0 || bits > 64 || (bits & (bits - 1)) != 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: refcount-bits is %u, which is no power of 2 up to 64",
                               image->name, bits);
  if (version == 2 && bits != 16)
    return banyan_throw_errno (error, EINVAL, "%s: refcount-bits but 16 need version v3",
                               image->name);
  if (amendment->sets_data_file && !image->has_data_file)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image keeps its data itself, so there is no data-file to "
                               "name; convert it to another image",
                               image->name);
  if (amendment->sets_backing && amendment->backing_file != NULL
      && (image->header.autoclear & QCOW2_AUTOCLEAR_RAW_DATA))
    return banyan_throw_errno (
        error, EINVAL, "%s: an image with a raw data file has no backing-file", image->name);
  if (amendment->sets_backing && amendment->backing_file != NULL
      && strlen (amendment->backing_file) > QCOW2_MAX_BACKING_NAME)
    return banyan_throw_errno (error, ENAMETOOLONG, "%s: the name of the backing-file is too long",
                               image->name);
  return version == 3 || image->header.version == 2
         || qcow2_downgrade_check (image, g_bit_storage (bits) - 1, error);
}

/* -- Refcounts of another width. -- */

static void
set_width (Qcow2Image *image, guint order)
{
  image->refs_slice_bits += image->refcount_order;
  image->refs_slice_bits -= order;
  image->refcount_order = order;
  image->header.refcount_order = order;
  qcow2_cache_forget_all (&image->refs);
}

static void BANYAN_COROUTINE
put_back_header (Qcow2Image *image)
{
  banyan_co_mutex_lock (&image->header_mutex);
  qcow2_image_put_back_header (image);
  banyan_co_mutex_unlock (&image->header_mutex);
}

void
qcow2_progress_tell (const Qcow2Progress *self, double fraction)
{
  banyan_amend_tell_progress (self->amend, self->from + fraction * self->share);
}

static void
tell_of_walk (BanyanCheck *check, double fraction)
{
  qcow2_progress_tell (check->data, fraction);
}

/* Everything is counted anew, into blocks behind the end of the file, and one write of the header
 * says where they are and how wide. */
static gboolean BANYAN_COROUTINE
count_again (Qcow2Image *image, guint order, const Qcow2Progress *progress, GError **error)
{
  guint old_order = image->refcount_order;
  BanyanCheck report
      = { .size = sizeof report, .progress = tell_of_walk, .data = (gpointer) progress };
  Qcow2CheckResult result = { .report = &report };
  Qcow2Walk walk;
  gboolean done;

  qcow2_walk_init (&walk, image, &result);
  done = qcow2_walk_all (&walk, error);
  if (done && result.corruptions > 0)
    done = banyan_throw_errno (error, EIO,
                               "%s: the image has %" G_GUINT64_FORMAT
                               " errors that have to be repaired before",
                               image->name, result.corruptions);
  if (done)
    {
      set_width (image, order);
      done = qcow2_rebuild (image, &walk.counts, NULL, error);
      if (!done)
        {
          set_width (image, old_order);
          put_back_header (image);
        }
    }
  qcow2_walk_clear (&walk);
  return done;
}

static gboolean
changes_width (Qcow2Image *image, const Qcow2Amendment *amendment)
{
  return amendment->refcount_bits != 0
         && g_bit_storage (amendment->refcount_bits) - 1 != image->refcount_order;
}

static gboolean BANYAN_COROUTINE
amend_refcounts (Qcow2Image *image, const Qcow2Amendment *amendment, const Qcow2Progress *progress,
                 GError **error)
{
  return !changes_width (image, amendment)
         || count_again (image, g_bit_storage (amendment->refcount_bits) - 1, progress, error);
}

/* -- Everything. -- */

static void
set_data_file (Qcow2Header *header, const char *name)
{
  g_free (header->data_file);
  header->data_file = g_strdup (name);
  qcow2_header_set_extension (header, QCOW2_EXTENSION_DATA_FILE, name,
                              name != NULL ? strlen (name) : 0);
}

static void
change_header (Qcow2Header *header, const Qcow2Amendment *amendment)
{
  if (amendment->version == 2 && header->version == 3)
    qcow2_downgrade_header (header);
  if (amendment->sets_lazy_refcounts)
    set_lazy (header, amendment->lazy_refcounts);
  if (amendment->sets_backing)
    set_backing (header, amendment->backing_file, amendment->backing_format);
  if (amendment->sets_data_file)
    set_data_file (header, amendment->data_file);
  if (amendment->clears_raw)
    header->autoclear &= ~(guint64) QCOW2_AUTOCLEAR_RAW_DATA;
}

static gboolean BANYAN_COROUTINE
write_header (Qcow2Image *image, GError **error)
{
  return qcow2_header_replace (&image->header, image->file, image->name, error);
}

/* Counts of any width need version 3. */
static gboolean BANYAN_COROUTINE
upgrade (Qcow2Image *image, const Qcow2Amendment *amendment, GError **error)
{
  gboolean done;

  if (amendment->version != 3 || image->header.version == 3)
    return TRUE;

  banyan_co_mutex_lock (&image->header_mutex);
  make_version_3 (&image->header);
  done = write_header (image, error);
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}

/* What takes long: refcounts of another width, and data that is written as long as the image is
 * what it was. */
static gboolean BANYAN_COROUTINE
prepare (Qcow2Image *image, const Qcow2Amendment *amendment, BanyanAmend *amend, GError **error)
{
  gboolean is_downgrade = amendment->version == 2 && image->header.version == 3;
  double half = is_downgrade && changes_width (image, amendment) ? 0.5 : 1;
  const Qcow2Progress counting = { amend, 0, half };
  const Qcow2Progress writing = { amend, 1 - half, half };

  return amend_refcounts (image, amendment, &counting, error)
         && (!is_downgrade || qcow2_downgrade_zeroes (image, &writing, error));
}

gboolean BANYAN_COROUTINE
qcow2_amend (Qcow2Image *image, const Qcow2Amendment *amendment, BanyanAmend *amend, GError **error)
{
  gboolean done;

  /* Afterwards the header says no more than that, and the tables are right. */
  if (!check (image, amendment, error) || !qcow2_image_begin_editing (image, error)
      || (amendment->version == 3 && !qcow2_snapshots_complete (image, error))
      || !qcow2_image_finish_writing (image, error))
    return FALSE;
  if (!upgrade (image, amendment, error) || !qcow2_image_begin_editing (image, error)
      || !prepare (image, amendment, amend, error) || !qcow2_image_finish_writing (image, error))
    return FALSE;

  banyan_co_mutex_lock (&image->header_mutex);
  change_header (&image->header, amendment);
  done = write_header (image, error);
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}
