/* luks-info.h - what people are told of a volume's key slots
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "luks-header.h"

G_BEGIN_DECLS

/* A struct, as QEMU's QCryptoBlockInfoLUKSSlot. */
GType luks_slot_info_get_type (void);

/* (transfer full) (element-type luks_slot_info_get_type()) */
BanyanList *luks_info_list_slots (const LuksHeader *header);

G_END_DECLS
