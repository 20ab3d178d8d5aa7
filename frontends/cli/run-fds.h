/* run-fds.h - descriptors that a server is started with
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan.h>

G_BEGIN_DECLS

/* Gives @graph the descriptors of --add-fd, each "fd=N,set=M,opaque=TEXT" (@words may be NULL), and
 * closes the numbers that they came under. */
gboolean run_fds_add (BanyanGraph *graph, char **words, GError **error);

G_END_DECLS
