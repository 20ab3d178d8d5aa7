/* file-send.c - data on its way from the page cache to a socket, without a copy
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sendfile(2) gives the socket the cache's own pages. It would wait for pages that are not there,
 * so that is asked first, and what is not all there is read as any other request. A write that
 * comes before the peer has taken the data may show in it: both were under way at the same time,
 * and either order is right. */

#include "file-cache.h"
#include "file-io.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <unistd.h>

static gboolean
is_cached (int fd, guint64 offset, gsize length)
{
  const guint64 page = sysconf (_SC_PAGESIZE);
  const guint64 first = offset / page, last = (offset + length - 1) / page;
  FileCacheState state;

  return file_cache_look (fd, offset, length, &state) && state.n_cached == last - first + 1;
}

/* Only of what it is sure about: the rest is for file_io_read (), errors included. */
BanyanAnswer
file_io_send (FileHandle *handle, guint64 offset, gsize length, int socket, gsize *sent)
{
  off_t position = offset;
  gssize result;

  if (handle->direct || handle->is_device || handle->asks_others
      || !is_cached (handle->fd, offset, length))
    return BANYAN_UNSUPPORTED;
  if (socket < 0)
    return BANYAN_DONE;

  result = TEMP_FAILURE_RETRY (sendfile (socket, handle->fd, &position, length));
  if (result > 0)
    *sent = result;
  return result > 0 || (result < 0 && errno == EAGAIN) ? BANYAN_DONE : BANYAN_UNSUPPORTED;
}
