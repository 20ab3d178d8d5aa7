// qmp-client.go - drives a server with DigitalOcean's QMP client, whose types are made from QEMU's schema
// SPDX-License-Identifier: LGPL-2.1-or-later

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
	"github.com/digitalocean/go-qemu/qmp/raw"
)

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func refused(err error, what string) {
	if err == nil {
		fmt.Fprintf(os.Stderr, "%s was carried out\n", what)
		os.Exit(1)
	}
	fmt.Printf("refused %s: %v\n", what, err)
}

func text(value string) *string { return &value }
func yes() *bool                { value := true; return &value }

type options map[string]interface{}

// add knows no types: those of the client call themselves without end when they are written.
func add(monitor *qmp.SocketMonitor, node options) error {
	line, err := json.Marshal(options{"execute": "blockdev-add", "arguments": node})
	must(err, "blockdev-add")
	_, err = monitor.Run(line)
	return err
}

func run(monitor *qmp.SocketMonitor, command string, arguments interface{}) json.RawMessage {
	line, err := json.Marshal(map[string]interface{}{"execute": command, "arguments": arguments})
	must(err, command)
	answer, err := monitor.Run(line)
	must(err, command)
	var result struct {
		Return json.RawMessage `json:"return"`
	}
	must(json.Unmarshal(answer, &result), command)
	return result.Return
}

func tellNodes(client *raw.Monitor) {
	nodes, err := client.QueryNamedBlockNodes()
	must(err, "query-named-block-nodes")
	var lines []string
	for _, node := range nodes {
		lines = append(lines, fmt.Sprintf("%s=%s:%d:%v", *node.NodeName, node.Drv,
			node.Image.VirtualSize, node.Ro))
	}
	sort.Strings(lines)
	fmt.Println("nodes", strings.Join(lines, " "))
}

// addFile sends a descriptor with the call, and opens it as an image.
func addFile(monitor *qmp.SocketMonitor, client *raw.Monitor, path string) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(err, path)
	defer file.Close()
	_, err = monitor.RunWithFile([]byte(`{"execute": "add-fd", "arguments": {"fdset-id": 7}}`), file)
	must(err, "add-fd")
	sets, err := client.QueryFdsets()
	must(err, "query-fdsets")
	fmt.Println("fdsets", len(sets), sets[0].FdsetID, len(sets[0].Fds))
	must(add(monitor, options{"driver": "file", "node-name": "file", "filename": "/dev/fdset/7"}),
		"blockdev-add file")
	must(client.RemoveFD(7, nil), "remove-fd")
}

func addNodes(monitor *qmp.SocketMonitor, client *raw.Monitor) {
	none := options{"driver": "null-co", "node-name": "null", "size": 65536, "read-only": true}
	slow := options{"driver": "throttle", "node-name": "slow", "throttle-group": "group",
		"file": "file"}

	must(client.ObjectAdd("iothread", "io", nil), "object-add iothread")
	run(monitor, "object-add", options{"qom-type": "throttle-group", "id": "group",
		"limits": options{"iops-total": 1000}})
	must(add(monitor, none), "blockdev-add null-co")
	must(add(monitor, slow), "blockdev-add throttle")
	refused(add(monitor, slow), "blockdev-add twice")
}

func serve(monitor *qmp.SocketMonitor, client *raw.Monitor, socket string) {
	must(client.NBDServerStart(raw.SocketAddressLegacyUnix{Path: socket}, nil), "nbd-server-start")
	run(monitor, "block-export-add", map[string]interface{}{"type": "nbd", "id": "export",
		"node-name": "slow", "name": "disk", "writable": true})
	refused(client.BlockdevDel("slow"), "blockdev-del in use")
	statistics, err := client.QueryBlockstats(yes())
	must(err, "query-blockstats")
	fmt.Println("statistics", len(statistics))
}

func look(client *raw.Monitor) {
	threads, err := client.QueryIothreads()
	must(err, "query-iothreads")
	fmt.Println("iothread", threads[0].ID, threads[0].ThreadID > 0, threads[0].PollMaxNs)
	value, err := client.QomGet("/objects/io", "poll-max-ns")
	must(err, "qom-get")
	fmt.Println("poll-max-ns", value)
	must(client.QomSet("/objects/io", "poll-max-ns", 4096), "qom-set")
	members, err := client.QomList("/nodes")
	must(err, "qom-list")
	var names []string
	for _, member := range members {
		if strings.HasPrefix(member.Type, "child<") {
			names = append(names, member.Name)
		}
	}
	sort.Strings(names)
	fmt.Println("children", names)
	must(client.BlockResize(nil, text("slow"), 2<<20), "block_resize")
	refused(client.BlockdevDel("nobody"), "blockdev-del of nobody")
}

func main() {
	monitor, err := qmp.NewSocketMonitor("unix", os.Args[1], 20*time.Second)
	must(err, "connecting")
	must(monitor.Connect(), "negotiating")
	client := raw.NewMonitor(monitor)
	version, err := client.QueryVersion()
	must(err, "query-version")
	fmt.Println("version", int(version.Qemu.Major) == monitor.Version.QEMU.Major)
	commands, err := client.QueryCommands()
	must(err, "query-commands")
	fmt.Println("commands", len(commands) > 50)

	addFile(monitor, client, os.Args[2])
	addNodes(monitor, client)
	serve(monitor, client, os.Args[3])
	look(client)
	tellNodes(client)

	events, err := monitor.Events(context.Background())
	must(err, "events")
	run(monitor, "subscribe", map[string]string{"path": "/objects/io"})
	go run(monitor, "qom-set", map[string]interface{}{"path": "/objects/io",
		"property": "poll-max-ns", "value": 8192})
	event := <-events
	fmt.Println("event", event.Event, event.Data["path"], event.Timestamp.Seconds > 0)
}
