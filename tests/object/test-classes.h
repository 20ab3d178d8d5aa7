/* test-classes.h - classes like those of a block layer, for the tests of the object model
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-root.h>
#include <banyan/banyan-struct.h>

/* Values. */
#define TEST_TYPE_CACHE (test_cache_get_type ())
GType test_cache_get_type (void);
typedef struct
{
  BanyanStruct parent_instance;
  gboolean direct;
  gboolean no_flush;
  char *hint;
} TestCache;

/* "type" tells inet from unix; a scalar is the path of a unix one. */
#define TEST_TYPE_ADDRESS (test_address_get_type ())
GType test_address_get_type (void);
#define TEST_TYPE_INET (test_inet_get_type ())
GType test_inet_get_type (void);
#define TEST_TYPE_UNIX (test_unix_get_type ())
GType test_unix_get_type (void);

/* -- Nodes. -- */
#define TEST_TYPE_NODE (test_node_get_type ())
G_DECLARE_DERIVABLE_TYPE (TestNode, test_node, TEST, NODE, BanyanObject)
struct _TestNodeClass
{
  BanyanObjectClass parent_class;
};

#define TEST_TYPE_FILE (test_file_get_type ())
G_DECLARE_FINAL_TYPE (TestFile, test_file, TEST, FILE, TestNode)
struct _TestFile
{
  TestNode parent_instance;
  char *filename;
  TestCache *cache;
  int locking;
  guint features;
  guint64 length;
  guint64 reads;
  guint64 offset;
};

#define TEST_TYPE_QCOW2 (test_qcow2_get_type ())
G_DECLARE_FINAL_TYPE (TestQcow2, test_qcow2, TEST, QCOW2, TestNode)
struct _TestQcow2
{
  TestNode parent_instance;
  TestNode *file;
  TestNode *backing;
  gboolean lazy_refcounts;
  guint64 cache_size;
};

#define TEST_TYPE_DELAY (test_delay_get_type ())
G_DECLARE_FINAL_TYPE (TestDelay, test_delay, TEST, DELAY, TestNode)
struct _TestDelay
{
  TestNode parent_instance;
  TestNode *file;
  BanyanObject *group;
  guint read_delay_ms;
  gint skew;
  gint64 skew_ns;
  double probability;
};

/* The children are kept by accessors of its own. */
#define TEST_TYPE_QUORUM (test_quorum_get_type ())
G_DECLARE_FINAL_TYPE (TestQuorum, test_quorum, TEST, QUORUM, TestNode)
struct _TestQuorum
{
  TestNode parent_instance;
  BanyanList *children;
  guint vote_threshold;
  BanyanList *tags;
  BanyanMap *limits;
  BanyanList *caches;
  TestCache *cache;
};

/* -- Others. -- */
#define TEST_TYPE_GROUP (test_group_get_type ())
G_DECLARE_FINAL_TYPE (TestGroup, test_group, TEST, GROUP, BanyanObject)
struct _TestGroup
{
  BanyanObject parent_instance;
  guint64 bps;
  guint64 iops;
  char *data;
};

#define TEST_TYPE_EXPORT (test_export_get_type ())
G_DECLARE_FINAL_TYPE (TestExport, test_export, TEST, EXPORT, BanyanObject)
struct _TestExport
{
  BanyanObject parent_instance;
  TestNode *node;
  gboolean writable;
};

#define TEST_TYPE_SERVER (test_server_get_type ())
G_DECLARE_FINAL_TYPE (TestServer, test_server, TEST, SERVER, BanyanObject)
struct _TestServer
{
  BanyanObject parent_instance;
  BanyanStruct *listen;
  BanyanMap *exports;
};

/* A root with /objects, /nodes and /frontends; the classes are in the registry. */
BanyanRoot *test_root_new (void);
BanyanCollection *test_root_get (BanyanRoot *root, const char *id);

/* Declares all of a document ("objects", "nodes", "frontends") called disk.yaml in /images. NULL
 * when there are @problems. */
GPtrArray *test_build (BanyanRoot *root, const char *yaml, BanyanProblems *problems);
/* The object of that id among what was built. */
gpointer test_find (GPtrArray *objects, const char *id);
/* Adds what was built to the tree. */
void test_add_all (BanyanRoot *root, GPtrArray *objects);
