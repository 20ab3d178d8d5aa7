/* banyan-struct-private.h - structs from specs, with a place that paths are relative to
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-struct.h>

G_BEGIN_DECLS

/* As banyan_struct_from_spec(), with relative paths made absolute against @directory (nullable). */
BanyanStruct *banyan_struct_convert (GType type, BanyanSpec *spec, const char *directory,
                                     const char *path, BanyanProblems *problems);

/* What documents are asked by banyan_struct_convert(), of a value made in code: that all which is
 * required is given, in it and in the structs inside, and that the rules of the classes hold.
 * @value: a struct, or a list or map of them; @place (nullable). */
void banyan_struct_check_value (const GValue *value, const BanyanOrigin *place, const char *path,
                                BanyanProblems *problems);
/* Whether someone set @pspec, where that can be told. */
gboolean banyan_struct_is_given (BanyanStruct *self, GParamSpec *pspec);

G_END_DECLS
