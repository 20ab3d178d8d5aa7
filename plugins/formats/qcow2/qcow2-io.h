/* qcow2-io.h - what the guest reads and writes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

gboolean BANYAN_COROUTINE qcow2_io_read (Qcow2Image *image, const BanyanRequest *request,
                                         GError **error);
gboolean BANYAN_COROUTINE qcow2_io_write (Qcow2Image *image, const BanyanRequest *request,
                                          GError **error);
BanyanAnswer BANYAN_COROUTINE qcow2_io_write_zeroes (Qcow2Image *image,
                                                     const BanyanRequest *request, GError **error);
BanyanAnswer BANYAN_COROUTINE qcow2_io_discard (Qcow2Image *image, const BanyanRequest *request,
                                                GError **error);
BanyanAnswer BANYAN_COROUTINE qcow2_io_block_status (Qcow2Image *image, guint64 offset,
                                                     guint64 length, BanyanBlockStatus *status,
                                                     GError **error);
/* Without waiting: see BanyanNodeOps. */
BanyanAnswer qcow2_io_send (Qcow2Image *image, guint64 offset, gsize length, int socket,
                            gsize *sent);

/* How many bytes the guest sees. */
guint64 qcow2_io_length (Qcow2Image *image);
