/* banyan-struct-private.h - structs from specs, with a place that paths are relative to
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-struct.h>

G_BEGIN_DECLS

/* As banyan_struct_from_spec(), with relative paths made absolute against @directory (nullable). */
BanyanStruct *banyan_struct_convert (GType type, BanyanSpec *spec, const char *directory,
                                     const char *path, BanyanProblems *problems);

G_END_DECLS
