/* banyan-mapper-private.h - what the parts of the mapper share
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The mapper works in passes over a list of declarations. banyan_mapper_declare() adds one and
 * converts its plain values. banyan_mapper_build() expands links, by which inline declarations join
 * the list; resolves references, when all ids are known; orders; then constructs. Nothing recurses
 * along references, which may be as long as a document; only along nesting, which the parsers
 * bound. */

#pragma once

#include <banyan/banyan-root.h>

G_BEGIN_DECLS

typedef struct _BanyanDeclaration BanyanDeclaration;
typedef struct _BanyanLinkValue BanyanLinkValue;

/* The value of a link, or of a list or map of links: a tree of the shape of the spec. */
struct _BanyanLinkValue
{
  GParamSpec *pspec;         /* (unowned): what describes this value */
  BanyanSpec *spec;          /* (owned): as written */
  char *path;                /* (owned) */
  BanyanDeclaration *target; /* (unowned) (nullable): declared in this document */
  BanyanObject *existing;    /* (owned) (nullable): in the tree already */
  GPtrArray *items;          /* (owned) (nullable): of BanyanLinkValue, for a list or map */
  gboolean is_wrong;         /* reported already: not to be resolved */
  gboolean is_doubtful;      /* another declaration wants the id, too: which one is meant? */
};

/* One property that a declaration sets. */
typedef struct
{
  GParamSpec *pspec; /* (unowned) */
  BanyanSpec *spec;  /* (owned) */
  GValue value;
  BanyanLinkValue *link; /* (owned) (nullable): instead of a value, until there are objects */
} BanyanSetting;

struct _BanyanDeclaration
{
  BanyanCollection *collection; /* (unowned) (nullable): none for a member */
  BanyanDeclaration *parent;    /* (unowned) (nullable): whose member or inline child it is */
  gboolean is_member;
  GParamSpec *link;    /* (unowned) (nullable): in which it is declared inline */
  BanyanObject *owner; /* (unowned) (nullable): of a member, or inline child, if that is there */
  char *id;            /* (owned) */
  char *subject;       /* (owned): "nodes.disk0.file" */
  char *label;         /* (owned): "qcow2" */
  BanyanOrigin place;
  BanyanSpec *spec;     /* (owned): as written */
  GObjectClass *klass;  /* (owned) */
  GPtrArray *settings;  /* (owned): of BanyanSetting */
  gboolean is_wrong;    /* has problems of its own: not to be constructed */
  gboolean is_stand_in; /* so @object has nothing but those of its values that are right */
  BanyanObject *object; /* (owned) (nullable): what stands in for it, if there are problems */
  GPtrArray *links;     /* (owned): of BanyanLinkValue (unowned) with a target */
  guint next_link;      /* where the search for an order is */
  enum
  {
    BANYAN_UNSEEN,
    BANYAN_ON_PATH,
    BANYAN_ORDERED
  } mark;
};

struct _BanyanMapper
{
  GObject parent_instance;

  BanyanRoot *root;        /* (owned) (nullable) */
  char *directory;         /* (owned) (nullable) */
  char *working_directory; /* (owned) (nullable): once something needed it */
  BanyanProblems *problems;
  gboolean replaces;       /* what has an id that is declared is about to go */
  gboolean completes;      /* what can be completed need not be whole */
  GHashTable *candidates;  /* (unowned) (nullable): "nodes/disk0" to what is about to be that,
                            * or NULL */
  GPtrArray *declarations; /* (owned): of BanyanDeclaration */
  GHashTable *taken;       /* (owned): collection to a table of ids to declarations */
  GHashTable *broken;      /* (owned): collection to a set of ids whose type is not known */
  GHashTable *owners;      /* (owned): what was built to be a member of what exists, to that */
};

/* -- banyan-mapper.c -- */

/* Where a declaration stands: by itself, or inline, in a declaration or in an object that exists.
 */
typedef struct
{
  BanyanDeclaration *parent; /* (nullable) */
  BanyanObject *owner;       /* (nullable) */
  GParamSpec *link;          /* (nullable) */
  const char *name;          /* (nullable): its id, unless it says so itself */
} BanyanBirth;

/* NULL where the declaration cannot even be looked into, which has been reported. */
BanyanDeclaration *banyan_mapper_add (BanyanMapper *self, BanyanCollection *collection,
                                      const BanyanBirth *birth, const char *subject,
                                      const BanyanOrigin *place, BanyanSpec *spec);
BanyanDeclaration *banyan_mapper_add_member (BanyanMapper *self, BanyanDeclaration *owner,
                                             const char *subject, const char *id,
                                             const BanyanOrigin *place, BanyanSpec *spec,
                                             GType member_type);
/* Whether something of that id was declared, so badly that nothing is known of it, or where the id
 * is taken. */
gboolean banyan_mapper_is_broken (BanyanMapper *self, BanyanCollection *collection, const char *id);
BanyanDeclaration *banyan_mapper_find (BanyanMapper *self, BanyanCollection *collection,
                                       const char *id);

/* What @parent, in the tree or not, will have by that id, unless it is declared. */
BanyanObject *banyan_mapper_find_existing (BanyanMapper *self, BanyanObject *parent,
                                           const char *id);
void banyan_mapper_add_setting (BanyanMapper *self, BanyanDeclaration *declaration,
                                GParamSpec *pspec, BanyanSpec *spec);

static inline gboolean
banyan_declaration_is_inline (BanyanDeclaration *self)
{
  return (self->parent || self->owner) && !self->is_member;
}

/* Declares @spec as if it stood inline in @property of @owner, which exists. */
void banyan_mapper_declare_inline (BanyanMapper *self, BanyanObject *owner, const char *property,
                                   BanyanSpec *spec);
/* Declarations may lack what can be completed, though they do not stand inline: another mapper has
 * seen them where they do. */
void banyan_mapper_set_completes (BanyanMapper *self, gboolean completes);
/* What is to be found by other ids than those in the tree, or by none any more: NULL. */
void banyan_mapper_set_candidates (BanyanMapper *self, GHashTable *candidates);

/* -- banyan-mapper-build.c -- */

/* As banyan_mapper_build(), but gives what could be made also where there are problems. @stand_ins
 * (nullable) gets those of the objects of which no more is certain than that something of the kind
 * is meant to be there. With problems, banyan_mapper_drop() has to follow. (transfer container) */
GPtrArray *banyan_mapper_build_part (BanyanMapper *self, GHashTable *stand_ins);
/* Makes its objects let go of each other and of what is in the tree. */
void banyan_mapper_drop (BanyanMapper *self);

/* -- banyan-mapper-inherit.c -- */

/* Adds to @child, declared inline, what it does not say itself; and to @given its properties. */
void banyan_mapper_inherit (BanyanMapper *self, BanyanDeclaration *child, GPtrArray *given);

/* -- banyan-mapper-links.c -- */

BanyanLinkValue *banyan_link_value_new (GParamSpec *pspec, BanyanSpec *spec, const char *path);
void banyan_link_value_free (BanyanLinkValue *self);
/* What is said to who writes a path where a member's id belongs: static, with PATH for what was
 * written. */
void banyan_collection_set_path_advice (BanyanCollection *self, const char *advice);
/* NULL: it does not look like a path, or there is no advice. (transfer full) */
char *banyan_collection_advise_on_path (BanyanCollection *self, const char *written);

/* Declares what is declared inline. @owner NULL: nothing may be. */
gboolean banyan_mapper_expand_link (BanyanMapper *self, BanyanDeclaration *owner,
                                    BanyanLinkValue *link, const char *birth_name);
/* @owner as above: it is not proposed as what was meant. */
gboolean banyan_mapper_resolve_link (BanyanMapper *self, BanyanDeclaration *owner,
                                     BanyanLinkValue *link);
/* Once all targets have been constructed; FALSE if some have not. */
gboolean banyan_link_value_get (BanyanLinkValue *self, GValue *value);
/* (transfer full): ids instead of declarations */
BanyanSpec *banyan_link_value_declare (BanyanLinkValue *self);
gboolean banyan_link_value_is_doubtful (BanyanLinkValue *self);
/* Appends all links below @self that lead to a declaration. */
void banyan_link_value_collect (BanyanLinkValue *self, GPtrArray *links);

/* -- banyan-mapper-order.c -- */

/* Declarations, targets before what links to them, but for a link that closes a circle, which has
 * been reported. (transfer container) */
GPtrArray *banyan_mapper_order (BanyanMapper *self);

G_END_DECLS
