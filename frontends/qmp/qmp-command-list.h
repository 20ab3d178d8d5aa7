/* qmp-command-list.h - every command: its name with dashes, what registers its class, a summary
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * QMP_COMMAND is defined by who includes this. */

/* The connection and the program (commands-session.c). */
QMP_COMMAND ("qmp-capabilities", qmp_capabilities_register_type,
             "Agree on the protocol's abilities; the first command of a connection")
QMP_COMMAND ("query-version", query_version_register_type, "Tell which version this is")
QMP_COMMAND ("query-commands", query_commands_register_type, "List the commands")
QMP_COMMAND ("query-qmp-schema", query_qmp_schema_register_type,
             "Describe all commands and events, and the types of all they take and tell")
QMP_COMMAND ("quit", quit_register_type, "End the program: drain, flush and close everything")

/* Events (commands-events.c). */
QMP_COMMAND ("subscribe", subscribe_register_type, "Be told of what happens to an object")
QMP_COMMAND ("unsubscribe", unsubscribe_register_type, "Be told of an object no more")

/* Nodes (commands-node.c). */
QMP_COMMAND ("blockdev-add", blockdev_add_register_type, "Make a node and open it")
QMP_COMMAND ("blockdev-del", blockdev_del_register_type, "Close a node that nobody uses")
QMP_COMMAND ("blockdev-reopen", blockdev_reopen_register_type, "Give nodes other options")
QMP_COMMAND ("block-resize", block_resize_register_type, "Change the length of a node")

/* Edges (commands-edge.c). */
QMP_COMMAND ("edge-replace", edge_replace_register_type, "Make an edge lead to another node")
QMP_COMMAND ("filter-insert", filter_insert_register_type,
             "Put a new filter on an edge, or above a node")
QMP_COMMAND ("filter-remove", filter_remove_register_type, "Take a filter out of the graph")
QMP_COMMAND ("child-add", child_add_register_type, "Give a node one more child")
QMP_COMMAND ("child-remove", child_remove_register_type, "Drop one of a node's many children")
QMP_COMMAND ("query-changes", query_changes_register_type,
             "Tell which changes of the graph are under way or wait")

/* Nodes, asked (commands-query.c). */
QMP_COMMAND ("query-named-block-nodes", query_named_block_nodes_register_type,
             "Tell about every node")
QMP_COMMAND ("query-block-graph", query_block_graph_register_type,
             "Tell which edges there are, and what they take and share")
QMP_COMMAND ("x-debug-query-block-graph", x_debug_query_block_graph_register_type,
             "query-block-graph, as QEMU calls it")

/* What was counted (commands-statistics.c). */
QMP_COMMAND ("query-blockstats", query_blockstats_register_type,
             "Tell what those who use nodes have counted")
QMP_COMMAND ("block-latency-histogram-set", block_latency_histogram_set_register_type,
             "Sort requests of an export by the time they take")
QMP_COMMAND ("edge-statistics", edge_statistics_register_type, "Count what goes along an edge")

/* What goes on (commands-status.c). */
QMP_COMMAND ("query-status", query_status_register_type, "Tell that it runs")
QMP_COMMAND ("query-iothreads", query_iothreads_register_type, "List the iothreads")
QMP_COMMAND ("query-jobs", query_jobs_register_type, "List the jobs")
QMP_COMMAND ("query-block-jobs", query_block_jobs_register_type,
             "List the jobs, as QEMU did before")
QMP_COMMAND ("query-drains", query_drains_register_type,
             "Tell where requests wait for a change, whose, and for how long")
QMP_COMMAND ("query-history", query_history_register_type, "Tell of the last changes")

/* Explanations (commands-explain.c). */
QMP_COMMAND ("query-refs", query_refs_register_type, "Tell who uses an object")
QMP_COMMAND ("qom-describe", qom_describe_register_type,
             "Explain the properties of an object: values, origins, and what they may be")
QMP_COMMAND ("why", why_register_type,
             "Tell what stands in the way of a change, and what it would hold up")

/* The graph as a whole (commands-graph.c). */
QMP_COMMAND ("query-graph", query_graph_register_type,
             "Tell about all objects, what was declared of them, and their edges")

/* Descriptors that were passed (commands-fd.c). */
QMP_COMMAND ("add-fd", add_fd_register_type, "Add a descriptor to a set: /dev/fdset/N to files")
QMP_COMMAND ("remove-fd", remove_fd_register_type, "Close descriptors of a set")
QMP_COMMAND ("query-fdsets", query_fdsets_register_type, "List the sets of descriptors")
QMP_COMMAND ("getfd", getfd_register_type, "Name a descriptor, for an address to use")
QMP_COMMAND ("closefd", closefd_register_type, "Close a descriptor that was named")

/* Servers (commands-export.c). */
QMP_COMMAND ("nbd-server-start", nbd_server_start_register_type, "Begin to serve NBD clients")
QMP_COMMAND ("nbd-server-stop", nbd_server_stop_register_type, "End what nbd-server-start began")
QMP_COMMAND ("block-export-add", block_export_add_register_type, "Let clients reach a node")
QMP_COMMAND ("block-export-del", block_export_del_register_type, "End an export")
QMP_COMMAND ("query-block-exports", query_block_exports_register_type, "List the exports")

/* Objects of any kind (commands-object.c). */
QMP_COMMAND ("object-add", object_add_register_type, "Make an object that is no node")
QMP_COMMAND ("object-del", object_del_register_type, "Close an object that is no node")
QMP_COMMAND ("qom-list", qom_list_register_type, "List children and properties of an object")
QMP_COMMAND ("qom-get", qom_get_register_type, "Tell the value of one property")
QMP_COMMAND ("qom-set", qom_set_register_type, "Change one property")
QMP_COMMAND ("qom-list-get", qom_list_get_register_type,
             "Tell all properties of many objects, with their values")
QMP_COMMAND ("qom-list-types", qom_list_types_register_type, "List the types that there are")
QMP_COMMAND ("qom-list-properties", qom_list_properties_register_type,
             "List the properties of a type")

/* Several at once (commands-transaction.c). */
QMP_COMMAND ("transaction", transaction_register_type, "Run several commands as one change")

/* Documents (commands-config.c). */
QMP_COMMAND ("plan", plan_register_type,
             "Tell what would change for the graph to be as a document says")
QMP_COMMAND ("apply", apply_register_type,
             "Change the graph to be as a document says, in one transaction")
QMP_COMMAND ("export-config", export_config_register_type, "Write the graph as a document")
