/* basket.c - plugin whose type has a property of each sort that there is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-registry.h>
#include <banyan/banyan-struct.h>

/* -- A struct with variants, and one without. -- */

G_DECLARE_DERIVABLE_TYPE (TestLabel, test_label, TEST, LABEL, BanyanStruct)

struct _TestLabelClass
{
  BanyanStructClass parent_class;
};

G_DEFINE_ABSTRACT_TYPE (TestLabel, test_label, BANYAN_TYPE_STRUCT)

static void
test_label_class_init (TestLabelClass *klass)
{
  banyan_struct_class_set_discriminator (BANYAN_STRUCT_CLASS (klass), "type");
}

static void
test_label_init (TestLabel *self)
{
}

G_DECLARE_FINAL_TYPE (TestPaper, test_paper, TEST, PAPER, TestLabel)

struct _TestPaper
{
  TestLabel parent_instance;

  char *text;       /* (owned) */
  TestLabel *under; /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (TestPaper, test_paper, test_label_get_type ())

static void
test_paper_class_init (TestPaperClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;

  banyan_struct_class_set_name (BANYAN_STRUCT_CLASS (klass), "paper");
  banyan_struct_class_set_short_form (BANYAN_STRUCT_CLASS (klass), "text");
  g_object_class_install_property (
      object_class, 1,
      banyan_param_required (banyan_param_string ("text", "Text", "What is written on it", NULL,
                                                  G_STRUCT_OFFSET (TestPaper, text))));
  g_object_class_install_property (
      object_class, 2,
      banyan_param_struct ("under", "Under", "The label that it is stuck over",
                           test_label_get_type (), G_STRUCT_OFFSET (TestPaper, under)));
}

static void
test_paper_init (TestPaper *self)
{
}

/* -- The type. -- */

G_DECLARE_FINAL_TYPE (TestBasket, test_basket, TEST, BASKET, BanyanObject)

struct _TestBasket
{
  BanyanObject parent_instance;

  guint64 size;
  gint delay_ms;
  double weight;
  gboolean closed;
  GResolverRecordType shape;
  char *owner;          /* (owned) */
  TestLabel *label;     /* (owned) */
  BanyanList *sizes;    /* (owned) */
  BanyanMap *contents;  /* (owned) */
  BanyanObject *beside; /* (owned) */
  guint64 opened;
};

enum
{
  PROP_0,
  PROP_SIZE,
  PROP_DELAY,
  PROP_WEIGHT,
  PROP_CLOSED,
  PROP_SHAPE,
  PROP_OWNER,
  PROP_LABEL,
  PROP_SIZES,
  PROP_CONTENTS,
  PROP_BESIDE,
  PROP_OPENED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

BANYAN_DEFINE_DRIVER (TestBasket, test_basket, BANYAN_TYPE_OBJECT)

#define FIELD(name) G_STRUCT_OFFSET (TestBasket, name)

static void
describe (GObjectClass *klass, BanyanSpecBuilder *description)
{
  g_autoptr (BanyanSpec) handle = banyan_spec_new_scalar (BANYAN_SPEC_STRING, "willow", NULL);

  banyan_spec_builder_add (description, "handle", NULL, handle);
}

static void
declare_scalars (void)
{
  properties[PROP_SIZE] = banyan_param_alias (
      banyan_param_computed (banyan_param_uint64 ("size", "Size", "How much goes into it",
                                                  BANYAN_UNIT_BYTES, 512, G_MAXUINT64, 512,
                                                  FIELD (size)),
                             "What its contents need"),
      "volume");
  properties[PROP_DELAY] = banyan_param_int ("delay", "Delay", "Time that the lid takes to open",
                                             BANYAN_UNIT_MS, -5, 600, 7, FIELD (delay_ms));
  properties[PROP_WEIGHT] = banyan_param_double ("weight", "Weight", "What it weighs when empty",
                                                 BANYAN_UNIT_NONE, 0, 2.5, 0.5, FIELD (weight));
  properties[PROP_CLOSED]
      = banyan_param_boolean ("closed", "Closed", "Whether the lid is down", TRUE, FIELD (closed));
  properties[PROP_SHAPE] = banyan_param_value_alias (
      banyan_param_enum ("shape", "Shape", "What it looks like from above",
                         G_TYPE_RESOLVER_RECORD_TYPE, G_RESOLVER_RECORD_MX, FIELD (shape)),
      "round", "mx");
  properties[PROP_OWNER] = banyan_param_secret (
      banyan_param_string ("owner", "Owner", "Who carries it home", "nobody", FIELD (owner)));
  properties[PROP_OPENED] = banyan_param_statistic (
      banyan_param_uint64 ("opened", "Opened", "How often it was opened", BANYAN_UNIT_OPERATIONS, 0,
                           G_MAXUINT64, 0, FIELD (opened)));
}

static void
declare_containers (void)
{
  properties[PROP_LABEL] = banyan_param_struct ("label", "Label", "What says whose it is",
                                                test_label_get_type (), FIELD (label));
  properties[PROP_SIZES] = banyan_param_list (
      "sizes", "Sizes", "How large each compartment is",
      banyan_param_uint ("size", "Size", "How large it is", BANYAN_UNIT_BYTES, 1, 9, 1, 0),
      FIELD (sizes));
  properties[PROP_CONTENTS] = banyan_param_members ("contents", "Contents", "What is in it",
                                                    "TestPear", FIELD (contents));
  properties[PROP_BESIDE] = banyan_param_alias (
      banyan_param_required (banyan_param_link ("beside", "Beside", "The basket that it stands by",
                                                "TestBasket", FIELD (beside))),
      "next-to");
}

static void
test_basket_class_init (TestBasketClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = banyan_object_set_field;
  object_class->get_property = banyan_object_get_field;

  g_type_ensure (test_paper_get_type ());
  declare_scalars ();
  declare_containers ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
  banyan_registry_add_describer (banyan_registry_get_default (), test_basket_get_type (), describe);
}

static void
test_basket_init (TestBasket *self)
{
}

BANYAN_PLUGIN_DEFINE (basket, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_basket_register_type,
                      .summary = "Something to carry fruit in")
