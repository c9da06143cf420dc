// Command driver runs groups of Go's etcd/raft nodes for a differential run. It reads one JSON array
// of commands a line and answers each line with one JSON array of views, in the same order. Every
// command is one input of one node, after which the node is brought to rest (or held after its
// Ready was taken) and shown.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"go.etcd.io/etcd/raft"
)

// command is one input. Which fields count depends on Op.
type command struct {
	// Lane names the group; lanes are independent of each other.
	Lane int    `json:"lane"`
	Op   string `json:"op"`
	Node uint64 `json:"node"`
	// Timeout is what every draw of an election timeout during this command gives, in ticks.
	Timeout int `json:"timeout"`
	// Hold takes the next Ready and leaves it outstanding until the op "advance".
	Hold bool `json:"hold"`

	Group    *groupConfig `json:"group"`
	Message  int          `json:"message"`
	Hint     *uint64      `json:"hint"`
	Payloads []payload    `json:"payloads"`
	Change   *change      `json:"change"`
	Peer     uint64       `json:"peer"`
	Ok       bool         `json:"ok"`
	Context  string       `json:"context"`
	Index    uint64       `json:"index"`
	Snapshot uint64       `json:"snapshot"`
}

type groupConfig struct {
	Nodes          uint64   `json:"nodes"`
	Voters         []uint64 `json:"voters"`
	Learners       []uint64 `json:"learners"`
	ElectionTicks  int      `json:"electionTicks"`
	HeartbeatTicks int      `json:"heartbeatTicks"`
	PreVote        bool     `json:"preVote"`
	CheckQuorum    bool     `json:"checkQuorum"`
	Forward        bool     `json:"forward"`
	MessageBytes   uint64   `json:"messageBytes"`
	Inflight       int      `json:"inflight"`
	Uncommitted    uint64   `json:"uncommitted"`
	ApplyBytes     uint64   `json:"applyBytes"`
}

type payload struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

type change struct {
	Transition string `json:"transition"`
	// Changes are pairs of a letter (v, l, r, u) and a node: "v3".
	Changes []string `json:"changes"`
}

// quiet drops what raft logs, and panics where raft wants to.
type quiet struct{}

func (quiet) Debug(...interface{})            {}
func (quiet) Debugf(string, ...interface{})   {}
func (quiet) Error(...interface{})            {}
func (quiet) Errorf(string, ...interface{})   {}
func (quiet) Info(...interface{})             {}
func (quiet) Infof(string, ...interface{})    {}
func (quiet) Warning(...interface{})          {}
func (quiet) Warningf(string, ...interface{}) {}
func (quiet) Fatal(v ...interface{})          { panic(fmt.Sprint(v...)) }
func (quiet) Fatalf(f string, v ...interface{}) {
	panic(fmt.Sprintf(f, v...))
}
func (quiet) Panic(v ...interface{}) { panic(fmt.Sprint(v...)) }
func (quiet) Panicf(f string, v ...interface{}) {
	panic(fmt.Sprintf(f, v...))
}

func run(groups map[int]*group, c command) (views []view) {
	defer func() {
		if reason := recover(); reason != nil {
			views = []view{{Panic: fmt.Sprint(reason)}}
		}
	}()
	timeoutDrawn = c.Timeout
	if c.Op == "group" {
		g := newGroup(*c.Group)
		groups[c.Lane] = g
		for _, h := range g.hosts {
			views = append(views, h.show())
		}
		return views
	}
	h := groups[c.Lane].hosts[c.Node-1]
	h.take(c)
	return []view{h.show()}
}

func main() {
	raft.SetLogger(quiet{})
	scriptTimeouts()
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	groups := map[int]*group{}
	decoder := json.NewDecoder(in)
	encoder := json.NewEncoder(out)
	for {
		var commands []command
		if err := decoder.Decode(&commands); err != nil {
			return
		}
		answers := make([][]view, 0, len(commands))
		for _, c := range commands {
			answers = append(answers, run(groups, c))
		}
		if err := encoder.Encode(answers); err != nil {
			log.Fatal(err)
		}
		if err := out.Flush(); err != nil {
			log.Fatal(err)
		}
	}
}
