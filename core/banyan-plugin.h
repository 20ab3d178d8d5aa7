/* banyan-plugin.h - the one header of a plugin
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan.h>
