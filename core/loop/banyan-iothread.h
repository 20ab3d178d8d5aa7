/* banyan-iothread.h - a thread that runs an I/O loop, as an object
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-loop.h>
#include <banyan/banyan-object.h>

G_BEGIN_DECLS

#define BANYAN_TYPE_IOTHREAD (banyan_iothread_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanIOThread, banyan_iothread, BANYAN, IOTHREAD, BanyanObject)

BANYAN_API
BanyanLoop *banyan_iothread_get_loop (BanyanIOThread *self); /* NULL unless open */

G_END_DECLS
