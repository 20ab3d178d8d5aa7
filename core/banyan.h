/* banyan.h - the whole public interface
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-backend.h>
#include <banyan/banyan-buffer.h>
#include <banyan/banyan-bitmap.h>
#include <banyan/banyan-bitmaps.h>
#include <banyan/banyan-bytes.h>
#include <banyan/banyan-checkable.h>
#include <banyan/banyan-co-sync.h>
#include <banyan/banyan-command.h>
#include <banyan/banyan-copy.h>
#include <banyan/banyan-coroutine.h>
#include <banyan/banyan-debug-event.h>
#include <banyan/banyan-descriptors.h>
#include <banyan/banyan-document.h>
#include <banyan/banyan-element.h>
#include <banyan/banyan-emptiable.h>
#include <banyan/banyan-error.h>
#include <banyan/banyan-file-name.h>
#include <banyan/banyan-frontend.h>
#include <banyan/banyan-graph.h>
#include <banyan/banyan-image-options.h>
#include <banyan/banyan-iothread.h>
#include <banyan/banyan-job.h>
#include <banyan/banyan-list.h>
#include <banyan/banyan-loop.h>
#include <banyan/banyan-macros.h>
#include <banyan/banyan-monitor.h>
#include <banyan/banyan-node-options.h>
#include <banyan/banyan-node.h>
#include <banyan/banyan-object.h>
#include <banyan/banyan-param.h>
#include <banyan/banyan-plan.h>
#include <banyan/banyan-probe.h>
#include <banyan/banyan-problems.h>
#include <banyan/banyan-registry.h>
#include <banyan/banyan-request.h>
#include <banyan/banyan-root.h>
#include <banyan/banyan-scalar.h>
#include <banyan/banyan-secret.h>
#include <banyan/banyan-snapshots.h>
#include <banyan/banyan-socket-address.h>
#include <banyan/banyan-spec.h>
#include <banyan/banyan-struct.h>
