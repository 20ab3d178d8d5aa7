/* qcow2-amend.c - images that are changed as they lie
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-amend.h"

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

static gboolean
check (Qcow2Image *image, const Qcow2Amendment *amendment, GError **error)
{
  gboolean will_be_3 = amendment->to_version_3 || image->header.version == 3;

  if (amendment->sets_lazy_refcounts && amendment->lazy_refcounts && !will_be_3)
    return banyan_throw_errno (error, EINVAL, "%s: lazy-refcounts need version v3", image->name);
  if (amendment->sets_backing && amendment->backing_file != NULL
      && (image->header.autoclear & QCOW2_AUTOCLEAR_RAW_DATA))
    return banyan_throw_errno (
        error, EINVAL, "%s: an image with a raw data file has no backing-file", image->name);
  if (amendment->sets_backing && amendment->backing_file != NULL
      && strlen (amendment->backing_file) > QCOW2_MAX_BACKING_NAME)
    return banyan_throw_errno (error, ENAMETOOLONG, "%s: the name of the backing-file is too long",
                               image->name);
  return TRUE;
}

gboolean BANYAN_COROUTINE
qcow2_amend (Qcow2Image *image, const Qcow2Amendment *amendment, GError **error)
{
  gboolean done;

  /* Afterwards the header says no more than that, and the tables are right. */
  if (!check (image, amendment, error) || !qcow2_image_begin_editing (image, error)
      || !qcow2_image_finish_writing (image, error))
    return FALSE;

  banyan_co_mutex_lock (&image->header_mutex);
  if (amendment->to_version_3)
    make_version_3 (&image->header);
  if (amendment->sets_lazy_refcounts)
    set_lazy (&image->header, amendment->lazy_refcounts);
  if (amendment->sets_backing)
    set_backing (&image->header, amendment->backing_file, amendment->backing_format);
  done = qcow2_header_write_all (&image->header, image->file, image->name, error)
         && banyan_child_flush (image->file, error);
  banyan_co_mutex_unlock (&image->header_mutex);
  return done;
}
