/* banyan-node.h - a block driver instance: protocol, format or filter
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-element.h>
#include <banyan/banyan-node-options.h>
#include <banyan/banyan-request.h>

G_BEGIN_DECLS

#define BANYAN_TYPE_NODE (banyan_node_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanNode, banyan_node, BANYAN, NODE, BanyanElement)

/* The operations of a driver. A request reaches them inside the node's length and aligned as its
 * limits ask, in a coroutine, from several iothreads at once; the length of one that ends where the
 * node ends, or ended when the request began and the node has grown meanwhile, may be no multiple.
 * A missing entry means: in a filter, the filtered child's; elsewhere, unsupported (flush: that of
 * all children but COW ones; block_status: data). */
typedef struct
{
  gsize size;

  gboolean (*read) (BanyanNode *self, const BanyanRequest *request, GError **error);
  gboolean (*write) (BanyanNode *self, const BanyanRequest *request, GError **error);
  gboolean (*flush) (BanyanNode *self, GError **error);
  BanyanAnswer (*discard) (BanyanNode *self, const BanyanRequest *request, GError **error);
  BanyanAnswer (*write_zeroes) (BanyanNode *self, const BanyanRequest *request, GError **error);
  BanyanAnswer (*block_status) (BanyanNode *self, guint64 offset, guint64 length,
                                BanyanBlockStatus *status, GError **error);
  BanyanAnswer (*resize) (BanyanNode *self, const BanyanResize *resize, GError **error);
  /* Fills @target's range of this node from @source, a leaf, without passing the data through us.
   */
  BanyanAnswer (*copy_range) (BanyanNode *self, const BanyanRequest *target, BanyanNode *source,
                              guint64 source_offset, GError **error);
  /* Hands what can be had at once to @socket, which does not block, without a copy on the way.
   * @sent: how much of it went; nothing where the socket is full. @socket -1: whether all of it
   * could. Done, or unsupported: it has to be read. Never waits. A filter that reads by itself
   * passes this on only if it says so. */
  BanyanAnswer (*send) (BanyanNode *self, guint64 offset, gsize length, int socket, gsize *sent);
  /* What a user is about to do, a BanyanDebugEvent: see there. May suspend. */
  void (*event) (BanyanNode *self, guint event);
} BanyanNodeOps;

/* What requests to a node must look like; 0 stands for no limit, alignments are powers of 2. A
 * larger or misaligned request is split or widened on the way in. */
typedef struct
{
  guint32 size;
  guint32 request_alignment; /* bytes; at least 1 */
  guint32 memory_alignment;  /* bytes; 1 to 4096: where each piece of memory begins */
  guint32 max_vectors;       /* entries */
  guint32 preferred_size;    /* bytes; 0: no preference */
  guint32 max_transfer;      /* bytes */
  guint64 discard_alignment; /* bytes */
  guint64 max_discard;       /* bytes */
  guint64 zeroes_alignment;  /* bytes */
  guint64 max_zeroes;        /* bytes */
} BanyanLimits;

/**
 * BanyanCapabilities:
 * @BANYAN_CAN_FUA: write, and write_zeroes, honour FUA; else a flush follows
 * @BANYAN_CAN_DISCARD: discard gives space back
 * @BANYAN_CAN_WRITE_ZEROES: write_zeroes beats writing them
 * @BANYAN_CAN_FAST_ZERO: NO_FALLBACK zeroes usually succeed
 * @BANYAN_CAN_BLOCK_STATUS: block_status tells holes and zeroes
 * @BANYAN_CAN_RESIZE: resize works
 * @BANYAN_CAN_COPY_RANGE: copy_range works
 * @BANYAN_CAN_MULTI_CONN: a flush on one channel covers what all channels wrote
 * @BANYAN_NEEDS_STABLE_DATA: a write's data may not change until it has ended
 * @BANYAN_CAN_PREFETCH: reads with PREFETCH, which may come without buffers, do something
 * @BANYAN_CAN_COMPRESS: writes with COMPRESSED are stored so
 */
typedef enum
{
  BANYAN_CAN_FUA = 1 << 0,
  BANYAN_CAN_DISCARD = 1 << 1,
  BANYAN_CAN_WRITE_ZEROES = 1 << 2,
  BANYAN_CAN_FAST_ZERO = 1 << 3,
  BANYAN_CAN_BLOCK_STATUS = 1 << 4,
  BANYAN_CAN_RESIZE = 1 << 5,
  BANYAN_CAN_COPY_RANGE = 1 << 6,
  BANYAN_CAN_MULTI_CONN = 1 << 7,
  BANYAN_NEEDS_STABLE_DATA = 1 << 8,
  BANYAN_CAN_PREFETCH = 1 << 9,
  BANYAN_CAN_COMPRESS = 1 << 10,
} BanyanCapabilities;

struct _BanyanNodeClass
{
  BanyanElementClass parent_class;

  /* Main thread, gates closed or the node not yet in use. @limits comes with what the children ask
   * for (filters) or with none. */
  void (*get_limits) (BanyanNode *self, BanyanLimits *limits);
  /* Likewise; @inherited is what the filtered child can do. NULL: a filter's child's; else by the
   * entries of the ops. */
  guint (*get_capabilities) (BanyanNode *self, guint inherited);

  /* A node's presence on an iothread, before the first and after the last request there; on that
   * thread. */
  void (*attach) (BanyanNode *self, BanyanLoop *loop);
  void (*detach) (BanyanNode *self, BanyanLoop *loop);

  /* Main thread, requests going on: storage under @child has another length. A format whose own
   * length depends on it publishes that; a filter without a length of its own need not. */
  void (*child_length_changed) (BanyanNode *self, BanyanChild *child);

  BANYAN_RESERVED (7);
};

/* The three kinds. A filter has a FILTERED child, to which goes what it leaves out, its length and
 * its limits included. */
#define BANYAN_TYPE_PROTOCOL (banyan_protocol_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanProtocol, banyan_protocol, BANYAN, PROTOCOL, BanyanNode)
struct _BanyanProtocolClass
{
  BanyanNodeClass parent_class;
  BANYAN_RESERVED (4);
};

#define BANYAN_TYPE_FORMAT (banyan_format_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanFormat, banyan_format, BANYAN, FORMAT, BanyanNode)
struct _BanyanFormatClass
{
  BanyanNodeClass parent_class;

  /* How sure it is, 0 to 100, that an image that begins with @head is one of its own. NULL: it
   * never is. Any thread; the bytes are anybody's. */
  guint (*probe) (const guint8 *head, gsize length);

  /* Why no image of this format is written to, and what to do instead, as half a sentence: what a
   * user hears who wants to. NULL: they are. The driver publishes that it is read-only, too. */
  const char *only_reads;

  /* As probe, of an image that ends with @tail and has @image_length bytes in all. What it answers
   * counts for no more than %BANYAN_PROBE_END. */
  guint (*probe_end) (const guint8 *tail, gsize length, guint64 image_length);

  BANYAN_RESERVED (1);
};

#define BANYAN_TYPE_FILTER (banyan_filter_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanFilter, banyan_filter, BANYAN, FILTER, BanyanNode)
struct _BanyanFilterClass
{
  BanyanNodeClass parent_class;
  BANYAN_RESERVED (4);
};

/* Class set-up: the table is copied, up to what both sides know. */
BANYAN_API
void banyan_node_class_set_ops (BanyanNodeClass *klass, const BanyanNodeOps *ops);
BANYAN_API
void banyan_node_class_add_child_role (BanyanNodeClass *klass, const char *name, guint role_flags,
                                       const char *blurb, guint offset);
BANYAN_API
void banyan_node_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec);
BANYAN_API
void banyan_node_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec);

/* The request path's cast: no check. */
#define BANYAN_NODE_SELF(Type, node) ((Type *) (node))

/* Any thread. */
BANYAN_API
guint64 banyan_node_get_length (BanyanNode *self);
/* The driver: in open, in resize, and when storage turned out to have grown. */
BANYAN_API
void banyan_node_publish_length (BanyanNode *self, guint64 length);
/* Whether requests that change data are refused: the property, or what the driver found. */
BANYAN_API
gboolean banyan_node_is_read_only (BanyanNode *self);
/* The driver: storage does not take writes, or takes them again. */
BANYAN_API
void banyan_node_publish_read_only (BanyanNode *self, gboolean read_only);
BANYAN_API
gboolean banyan_node_is_auto_read_only (BanyanNode *self);
BANYAN_API
gboolean banyan_node_is_force_shared (BanyanNode *self);
BANYAN_API
BanyanCache *banyan_node_get_cache (BanyanNode *self); /* (nullable) */
BANYAN_API
const BanyanLimits *banyan_node_get_limits (BanyanNode *self);
BANYAN_API
guint banyan_node_get_capabilities (BanyanNode *self);

/* The driver of a format, in open or when that changes: what the image's header calls its backing
 * (NULL: it has none), and that one's format (NULL: it does not say). Implies the child in @role,
 * as banyan_element_imply_child() does. */
BANYAN_API
void banyan_node_publish_backing (BanyanNode *self, const char *role, const char *name,
                                  const char *format);
/* Main thread: what was published; and the name from where this process is. (nullable) */
BANYAN_API
char *banyan_node_dup_backing_name (BanyanNode *self);
BANYAN_API
char *banyan_node_dup_backing_format (BanyanNode *self);
BANYAN_API
char *banyan_node_dup_full_backing_name (BanyanNode *self);

/* What a driver says when storage under it changed its limits, so that they are asked for again
 * (main thread, soon). */
BANYAN_API
void banyan_node_limits_changed (BanyanNode *self);

/* -- What a driver calls, through its edges. Requests beyond the child's length fail with EINVAL;
 * offset+length never overflow. Any alignment is right: what the child cannot take is widened under
 * its range lock. -- */
BANYAN_API
gboolean BANYAN_COROUTINE banyan_child_read (BanyanChild *self, const BanyanRequest *request,
                                             GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_child_write (BanyanChild *self, const BanyanRequest *request,
                                              GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_child_flush (BanyanChild *self, GError **error);
BANYAN_API
BanyanAnswer BANYAN_COROUTINE banyan_child_discard (BanyanChild *self, const BanyanRequest *request,
                                                    GError **error);
/* Never unsupported unless NO_FALLBACK: else zeroes are written. */
BANYAN_API
BanyanAnswer BANYAN_COROUTINE
banyan_child_write_zeroes (BanyanChild *self, const BanyanRequest *request, GError **error);
/* Never unsupported: what cannot tell has data. */
BANYAN_API
BanyanAnswer BANYAN_COROUTINE banyan_child_block_status (BanyanChild *self, guint64 offset,
                                                         guint64 length, BanyanBlockStatus *status,
                                                         GError **error);
BANYAN_API
BanyanAnswer BANYAN_COROUTINE banyan_child_resize (BanyanChild *self, const BanyanResize *resize,
                                                   GError **error);
BANYAN_API
BanyanAnswer BANYAN_COROUTINE banyan_child_copy_range (BanyanChild *self,
                                                       const BanyanRequest *target,
                                                       BanyanNode *source, guint64 source_offset,
                                                       GError **error);
/* Without alignment care: what is misaligned is unsupported. */
BANYAN_API
BanyanAnswer banyan_child_send (BanyanChild *self, guint64 offset, gsize length, int socket,
                                gsize *sent);
BANYAN_API
guint64 banyan_child_get_length (BanyanChild *self);

/* Short forms for metadata: one flat buffer. */
BANYAN_API
gboolean BANYAN_COROUTINE banyan_child_pread (BanyanChild *self, guint64 offset, gpointer buffer,
                                              gsize length, GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_child_pwrite (BanyanChild *self, guint64 offset,
                                               gconstpointer buffer, gsize length, guint flags,
                                               GError **error);

G_END_DECLS
