/* bare-loop.c - an NBD server without any graph: what receiving and answering alone cost
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reference for the machine that a benchmark runs on. One thread; one recv takes as many
 * requests as have arrived, one sendmsg answers them all. The data is zeroes, memory, sent from
 * where it lies, or a file, read and written with the system calls that tell of errors: a mapped
 * file, which would save a copy, tells of them with a signal. It trusts its client, and one that
 * does not read holds up all others.
 *
 * Listens at a path, or, for "-", on descriptor 3. Prints "ready" when it does. */

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "nbd-wire.h"

#define RECEIVE_BYTES (256u << 10)
#define LONGEST_REQUEST (32u << 20)
#define BATCH 256u
/* With this much read from the file, it is sent and the buffer used again, from the cache. */
#define SEND_BYTES (256u << 10)

typedef struct
{
  int fd;
  uint64_t write_at; /* where the rest of the payload of a write goes */
  uint32_t write_left;
  uint32_t write_error;
  uint64_t write_cookie;
  size_t n_partial;
  uint8_t partial[sizeof (NbdRequest)];
} Client;

static uint8_t *disk;      /* NULL: a file, or all zeroes, and writes vanish */
static int disk_fd = -1;   /* a file */
static uint8_t *from_file; /* what was read of it and is not sent */
static size_t n_from_file;
static uint8_t *zeroes;
static uint64_t disk_bytes;
static uint64_t flip_every, n_reads;

static uint8_t receive_buffer[sizeof (NbdRequest) + RECEIVE_BYTES];
static NbdSimpleReply replies[BATCH];
static struct iovec out[2 * BATCH];
static unsigned n_replies, n_out;

static void __attribute__ ((noreturn)) fail (const char *what)
{
  fprintf (stderr, "bare-loop: %s: %s\n", what, strerror (errno));
  exit (1);
}

static bool
receive_all (int fd, void *data, size_t length)
{
  return length == 0 || recv (fd, data, length, MSG_WAITALL) == (ssize_t) length;
}

static bool
send_option_reply (int fd, uint32_t option, uint32_t type, const void *data, uint32_t length)
{
  NbdOptionReply reply
      = { htobe64 (NBD_OPTION_REPLY_MAGIC), htobe32 (option), htobe32 (type), htobe32 (length) };

  return send (fd, &reply, sizeof reply, MSG_NOSIGNAL) == sizeof reply
         && send (fd, data, length, MSG_NOSIGNAL) == (ssize_t) length;
}

static NbdExportInfo
export_info (void)
{
  return (NbdExportInfo){ .info = htobe16 (NBD_INFO_EXPORT),
                          .size = htobe64 (disk_bytes),
                          .flags = htobe16 (NBD_SEND_HAS_FLAGS | NBD_SEND_FLUSH | NBD_SEND_FUA
                                            | NBD_SEND_TRIM | NBD_SEND_WRITE_ZEROES
                                            | NBD_SEND_MULTI_CONN) };
}

/* Every name is this export. Returns false when the client is not to be served. */
static bool
negotiate (int fd)
{
  NbdGreeting greeting = { htobe64 (NBD_GREETING_MAGIC), htobe64 (NBD_OPTION_MAGIC),
                           htobe16 (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES) };
  NbdExportInfo info = export_info ();
  uint8_t data[4096], padding[124] = { 0 };
  uint32_t client_flags;
  NbdOption option;

  if (send (fd, &greeting, sizeof greeting, MSG_NOSIGNAL) != sizeof greeting
      || !receive_all (fd, &client_flags, sizeof client_flags))
    return false;

  while (receive_all (fd, &option, sizeof option) && be64toh (option.magic) == NBD_OPTION_MAGIC
         && be32toh (option.length) <= sizeof data
         && receive_all (fd, data, be32toh (option.length)))
    {
      uint32_t number = be32toh (option.option);

      if (number == NBD_OPT_EXPORT_NAME)
        {
          bool pads = (be32toh (client_flags) & NBD_FLAG_NO_ZEROES) == 0;

          return send (fd, &info.size, 10, MSG_NOSIGNAL) == 10
                 && (!pads || send (fd, padding, sizeof padding, MSG_NOSIGNAL) > 0);
        }
      if (number == NBD_OPT_ABORT)
        return false;
      if (number != NBD_OPT_GO && number != NBD_OPT_INFO)
        {
          if (!send_option_reply (fd, number, NBD_REP_ERR_UNSUP, "", 0))
            return false;
          continue;
        }
      if (!send_option_reply (fd, number, NBD_REP_INFO, &info, sizeof info)
          || !send_option_reply (fd, number, NBD_REP_ACK, "", 0))
        return false;
      if (number == NBD_OPT_GO)
        return true;
    }
  return false;
}

static bool
flush_replies (Client *client)
{
  unsigned sent = 0;

  while (sent < n_out)
    {
      struct msghdr message = { .msg_iov = out + sent, .msg_iovlen = n_out - sent };
      ssize_t n = sendmsg (client->fd, &message, MSG_NOSIGNAL);

      if (n < 0)
        return false;
      for (; sent < n_out && (size_t) n >= out[sent].iov_len; sent++)
        n -= out[sent].iov_len;
      if (n > 0)
        {
          out[sent].iov_base = (uint8_t *) out[sent].iov_base + n;
          out[sent].iov_len -= n;
        }
    }
  n_replies = n_out = n_from_file = 0;
  return true;
}

static bool
add_reply (Client *client, uint64_t cookie, uint32_t error, void *data, uint32_t length)
{
  NbdSimpleReply *reply = &replies[n_replies++];

  *reply = (NbdSimpleReply){ htobe32 (NBD_SIMPLE_REPLY_MAGIC), htobe32 (error), cookie };
  out[n_out++] = (struct iovec){ reply, sizeof *reply };
  if (length > 0)
    out[n_out++] = (struct iovec){ data, length };
  return (n_replies < BATCH && n_from_file < SEND_BYTES) || flush_replies (client);
}

/* Returns NULL where there was an error. There is room for the largest read when less than
 * SEND_BYTES are there already. */
static void *
read_disk (uint64_t offset, uint32_t length)
{
  uint8_t *to = from_file + n_from_file;

  if (disk_fd < 0)
    return disk != NULL ? disk + offset : zeroes;
  if (pread (disk_fd, to, length, offset) != (ssize_t) length)
    return NULL;
  n_from_file += length;
  return to;
}

static bool
write_disk (uint64_t offset, const void *data, uint32_t length)
{
  if (disk_fd >= 0)
    return pwrite (disk_fd, data, length, offset) == (ssize_t) length;
  if (disk != NULL)
    memcpy (disk + offset, data, length);
  return true;
}

static bool
zero_disk (uint64_t offset, uint32_t length)
{
  if (disk_fd >= 0)
    return fallocate (disk_fd, FALLOC_FL_ZERO_RANGE, offset, length) == 0;
  if (disk != NULL)
    memset (disk + offset, 0, length);
  return true;
}

/* What the tests of the load generator need: a bit of what is read goes wrong. */
static void
maybe_flip (uint64_t offset, uint32_t length)
{
  if (flip_every > 0 && ++n_reads % flip_every == 0 && disk != NULL)
    disk[offset + (n_reads * 7919) % length] ^= 0x10;
}

/* Returns false when the client is done. */
static bool
take_request (Client *client, const NbdRequest *request)
{
  uint64_t offset = be64toh (request->offset);
  uint32_t length = be32toh (request->length);
  unsigned type = be16toh (request->type);
  void *data;

  if (be32toh (request->magic) != NBD_REQUEST_MAGIC || type == NBD_CMD_DISC)
    return false;
  if (offset > disk_bytes || length > disk_bytes - offset)
    return type != NBD_CMD_WRITE && add_reply (client, request->cookie, NBD_EINVAL, NULL, 0);

  switch (type)
    {
    case NBD_CMD_READ:
      if (length == 0 || length > LONGEST_REQUEST)
        return add_reply (client, request->cookie, NBD_EINVAL, NULL, 0);
      maybe_flip (offset, length);
      data = read_disk (offset, length);
      return data != NULL ? add_reply (client, request->cookie, 0, data, length)
                          : add_reply (client, request->cookie, NBD_EIO, NULL, 0);

    case NBD_CMD_WRITE:
      client->write_at = offset;
      client->write_left = length;
      client->write_error = 0;
      client->write_cookie = request->cookie;
      return length > 0 || add_reply (client, request->cookie, 0, NULL, 0);

    case NBD_CMD_TRIM:
    case NBD_CMD_WRITE_ZEROES:
      return add_reply (client, request->cookie, zero_disk (offset, length) ? 0 : NBD_EIO, NULL, 0);

    case NBD_CMD_FLUSH:
      return add_reply (client, request->cookie, 0, NULL, 0);

    default:
      return add_reply (client, request->cookie, NBD_EINVAL, NULL, 0);
    }
}

static bool
payload_arrived (Client *client, const void *data, uint32_t n)
{
  if (!write_disk (client->write_at, data, n))
    client->write_error = NBD_EIO;
  client->write_at += n;
  client->write_left -= n;
  return client->write_left > 0
         || add_reply (client, client->write_cookie, client->write_error, NULL, 0);
}

static bool
take_received (Client *client, const uint8_t *data, size_t length)
{
  while (length > 0)
    {
      size_t n = client->write_left < length ? client->write_left : length;
      NbdRequest request;

      if (n > 0)
        {
          if (!payload_arrived (client, data, n))
            return false;
        }
      else
        {
          n = sizeof request;
          if (length < n)
            break;
          memcpy (&request, data, n);
          if (!take_request (client, &request))
            return false;
        }
      data += n;
      length -= n;
    }

  memcpy (client->partial, data, length);
  client->n_partial = length;
  return flush_replies (client);
}

/* Returns false when the client is gone. */
static bool
serve (Client *client)
{
  ssize_t n;

  memcpy (receive_buffer, client->partial, client->n_partial);
  n = recv (client->fd, receive_buffer + client->n_partial, RECEIVE_BYTES, MSG_DONTWAIT);
  return n > 0 ? take_received (client, receive_buffer, client->n_partial + n)
               : n < 0 && errno == EAGAIN;
}

static int
listen_at (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  errno = ENAMETOOLONG;
  if (strlen (path) >= sizeof address.sun_path)
    fail (path);
  strcpy (address.sun_path, path);
  if (fd < 0 || bind (fd, (struct sockaddr *) &address, sizeof address) < 0 || listen (fd, 64) < 0)
    fail (path);
  return fd;
}

static void
accept_client (int listener, int epoll_fd)
{
  Client *client = calloc (1, sizeof *client);
  struct epoll_event event = { EPOLLIN, { client } };

  client->fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  if (client->fd < 0 || !negotiate (client->fd)
      || epoll_ctl (epoll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0)
    {
      if (client->fd >= 0)
        close (client->fd);
      free (client);
    }
}

static void
run (int listener)
{
  int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  struct epoll_event event = { EPOLLIN, { NULL } }, events[64];

  epoll_ctl (epoll_fd, EPOLL_CTL_ADD, listener, &event);
  for (;;)
    {
      int n = epoll_wait (epoll_fd, events, 64, -1);

      for (int i = 0; i < n; i++)
        {
          Client *client = events[i].data.ptr;

          if (client == NULL)
            accept_client (listener, epoll_fd);
          else if (!serve (client))
            {
              n_replies = n_out = 0;
              close (client->fd);
              free (client);
            }
        }
    }
}

static uint64_t
parse_size (const char *text)
{
  char *end;
  uint64_t size = strtoull (text, &end, 10);

  errno = EINVAL;
  if (size == 0 || *end != '\0' || size > INT64_MAX)
    fail (text);
  return size;
}

static void *
map (size_t length, int protection)
{
  void *memory
      = mmap (NULL, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (memory == MAP_FAILED)
    fail ("mmap");
  return memory;
}

static void
open_disk (const char *what)
{
  struct stat status;

  zeroes = map (LONGEST_REQUEST, PROT_READ);
  if (strcmp (what, "null") == 0)
    return;
  if (strcmp (what, "memory") == 0)
    {
      disk = map (disk_bytes, PROT_READ | PROT_WRITE);
      return;
    }

  disk_fd = open (what, O_RDWR | O_CLOEXEC);
  if (disk_fd < 0 || fstat (disk_fd, &status) < 0)
    fail (what);
  disk_bytes = status.st_size;
  from_file = map (SEND_BYTES + LONGEST_REQUEST, PROT_READ | PROT_WRITE);
}

int
main (int argc, char **argv)
{
  if (argc < 4)
    {
      fprintf (stderr,
               "Usage: bare-loop SOCKET null|memory|FILE BYTES [FLIP]\n"
               "Serve zeroes, memory or a file (of its own size). Every FLIPth read of memory "
               "is of data in which a\nbit was changed before.\n");
      return 2;
    }

  disk_bytes = parse_size (argv[3]);
  flip_every = argc > 4 ? parse_size (argv[4]) : 0;
  open_disk (argv[2]);

  int listener = strcmp (argv[1], "-") == 0 ? 3 : listen_at (argv[1]);
  puts ("ready");
  fflush (stdout);
  run (listener);
}
