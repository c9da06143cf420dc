package main

import (
	"bytes"
	"fmt"
	"strconv"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

// group is a set of nodes and every message that they have sent, numbered from 0.
type group struct {
	config   groupConfig
	hosts    []*host
	messages []pb.Message
}

// store adds to raft's MemoryStorage the membership as of the applied index, which a restart needs.
type store struct {
	*raft.MemoryStorage
	restored pb.ConfState
}

func (s *store) InitialState() (pb.HardState, pb.ConfState, error) {
	hard, _, err := s.MemoryStorage.InitialState()
	return hard, s.restored, err
}

// host is one node with its disk.
type host struct {
	group   *group
	id      uint64
	node    *raft.RawNode
	store   *store
	conf    pb.ConfState
	applied uint64
	held    *raft.Ready

	shownFirst, shownLast, shownTerm uint64
	logShown                         bool

	// What happened since the last view.
	refused bool
	sent    []sentMessage
	reads   []raft.ReadState
	done    []string
}

type sentMessage struct {
	number  int
	message pb.Message
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func newGroup(config groupConfig) *group {
	g := &group{config: config}
	electionTicks = config.ElectionTicks
	for id := uint64(1); id <= config.Nodes; id++ {
		h := &host{group: g, id: id, store: &store{MemoryStorage: raft.NewMemoryStorage()}}
		if contains(config.Voters, id) || contains(config.Learners, id) {
			conf := pb.ConfState{Voters: config.Voters, Learners: config.Learners}
			snapshot := pb.Snapshot{}
			snapshot.Metadata = pb.SnapshotMetadata{ConfState: conf, Index: 1, Term: 1}
			must(h.store.ApplySnapshot(snapshot))
			must(h.store.SetHardState(pb.HardState{Term: 1, Commit: 1}))
			h.conf = conf
			h.applied = 1
		}
		h.start()
		g.hosts = append(g.hosts, h)
	}
	return g
}

func contains(ids []uint64, id uint64) bool {
	for _, each := range ids {
		if each == id {
			return true
		}
	}
	return false
}

func (h *host) start() {
	config := h.group.config
	h.store.restored = h.conf
	node, err := raft.NewRawNode(&raft.Config{
		ID:                        h.id,
		ElectionTick:              config.ElectionTicks,
		HeartbeatTick:             config.HeartbeatTicks,
		Storage:                   h.store,
		Applied:                   h.applied,
		MaxSizePerMsg:             config.MessageBytes,
		MaxCommittedSizePerReady:  config.ApplyBytes,
		MaxUncommittedEntriesSize: config.Uncommitted,
		MaxInflightMsgs:           config.Inflight,
		CheckQuorum:               config.CheckQuorum,
		PreVote:                   config.PreVote,
		Logger:                    quiet{},
		DisableProposalForwarding: !config.Forward,
	})
	must(err)
	h.node = node
	h.held = nil
	h.logShown = false
}

// restart loses everything but the disk. A disk keeps its newest snapshot and the entries after it.
// With fromSnapshot the application has lost what it applied since the snapshot.
func (h *host) restart(fromSnapshot bool) {
	old := h.store.MemoryStorage
	hard, _, err := old.InitialState()
	must(err)
	snapshot, err := old.Snapshot()
	must(err)
	fresh := raft.NewMemoryStorage()
	if !raft.IsEmptySnap(snapshot) {
		must(fresh.ApplySnapshot(snapshot))
	}
	last, err := old.LastIndex()
	must(err)
	if last > snapshot.Metadata.Index {
		entries, err := old.Entries(snapshot.Metadata.Index+1, last+1, ^uint64(0))
		must(err)
		must(fresh.Append(entries))
	}
	must(fresh.SetHardState(hard))
	h.store = &store{MemoryStorage: fresh}
	if fromSnapshot {
		h.conf = snapshot.Metadata.ConfState
		h.applied = snapshot.Metadata.Index
	}
	h.start()
}

// take steps one input and brings the node to rest, unless a Ready is held.
func (h *host) take(c command) {
	electionTicks = h.group.config.ElectionTicks
	h.input(c)
	if h.held != nil {
		return
	}
	if c.Hold && h.node.HasReady() {
		ready := h.node.Ready()
		h.held = &ready
		return
	}
	h.settle()
}

func (h *host) input(c command) {
	switch c.Op {
	case "tick":
		h.node.Tick()
	case "deliver":
		m := h.group.messages[c.Message]
		// A leader writes into the entries of a proposal; this message may be delivered again.
		m.Entries = append([]pb.Entry(nil), m.Entries...)
		if c.Hint != nil {
			m.RejectHint = *c.Hint
		}
		// Its errors are the refusals of proposals and of answers of nodes that are no members.
		_ = h.node.Step(m)
	case "propose":
		m := pb.Message{Type: pb.MsgProp, From: h.id}
		for _, p := range c.Payloads {
			m.Entries = append(m.Entries, pb.Entry{Data: p.data()})
		}
		h.refused = h.node.Step(m) != nil
	case "change":
		h.refused = h.node.ProposeConfChange(c.Change.decode()) != nil
	case "campaign":
		must(h.node.Campaign())
	case "transfer":
		h.node.TransferLeader(c.Peer)
	case "read":
		h.node.ReadIndex([]byte(c.Context))
	case "unreachable":
		h.node.ReportUnreachable(c.Peer)
	case "report":
		status := raft.SnapshotFinish
		if !c.Ok {
			status = raft.SnapshotFailure
		}
		h.node.ReportSnapshot(c.Peer, status)
	case "compact":
		_, err := h.store.CreateSnapshot(c.Snapshot, &h.conf, nil)
		must(err)
		if first, err := h.store.FirstIndex(); err == nil && c.Index >= first {
			must(h.store.Compact(c.Index))
		}
	case "restart":
		h.restart(c.Ok)
	case "advance":
		ready := h.held
		h.held = nil
		if ready != nil {
			h.finish(*ready)
		}
	default:
		panic("unknown op " + c.Op)
	}
}

func (h *host) settle() {
	for h.node.HasReady() {
		h.finish(h.node.Ready())
	}
}

// finish does what a Ready asks for.
func (h *host) finish(ready raft.Ready) {
	if !raft.IsEmptySnap(ready.Snapshot) {
		must(h.store.ApplySnapshot(ready.Snapshot))
		h.conf = ready.Snapshot.Metadata.ConfState
		h.applied = ready.Snapshot.Metadata.Index
	}
	must(h.store.Append(ready.Entries))
	if !raft.IsEmptyHardState(ready.HardState) {
		must(h.store.SetHardState(ready.HardState))
	}
	for _, m := range ready.Messages {
		h.sent = append(h.sent, sentMessage{len(h.group.messages), m})
		h.group.messages = append(h.group.messages, m)
	}
	h.reads = append(h.reads, ready.ReadStates...)
	for _, e := range ready.CommittedEntries {
		h.apply(e)
	}
	h.node.Advance(ready)
}

func (h *host) apply(e pb.Entry) {
	h.applied = e.Index
	note := fmt.Sprintf("%d=%d:%s", e.Index, e.Term, nameOf(e))
	if e.Type == pb.EntryConfChangeV2 {
		var cc pb.ConfChangeV2
		must(cc.Unmarshal(e.Data))
		if !h.applyChange(cc) {
			note += " vetoed"
		}
	}
	h.done = append(h.done, note)
}

// applyChange returns false if the application or raft itself cannot make the change. Raft says so
// by a panic that leaves the node as it was: confchange works on copies.
func (h *host) applyChange(cc pb.ConfChangeV2) (applied bool) {
	if vetoed(h.conf, cc) {
		return false
	}
	defer func() {
		if recover() != nil {
			applied = false
		}
	}()
	h.conf = *h.node.ApplyConfChange(cc)
	return true
}

// vetoed is the policy of the application: a voter that is alone feeds no learners, since raft 3.4
// and later versions tell them in different messages what such a leader commits by itself.
func vetoed(conf pb.ConfState, cc pb.ConfChangeV2) bool {
	voters := map[uint64]bool{}
	others := map[uint64]bool{}
	for _, id := range conf.Voters {
		voters[id] = true
	}
	for _, id := range conf.Learners {
		others[id] = true
	}
	for _, id := range conf.LearnersNext {
		others[id] = true
	}
	for _, each := range cc.Changes {
		if each.Type == pb.ConfChangeUpdateNode {
			continue
		}
		delete(voters, each.NodeID)
		delete(others, each.NodeID)
		switch each.Type {
		case pb.ConfChangeAddNode:
			voters[each.NodeID] = true
		case pb.ConfChangeAddLearnerNode:
			others[each.NodeID] = true
		}
	}
	return len(cc.Changes) > 0 && len(voters) == 1 && len(others) > 0
}

func (p payload) data() []byte {
	data := bytes.Repeat([]byte{'.'}, p.Bytes)
	copy(data, p.Name+":")
	return data
}

var kinds = map[byte]pb.ConfChangeType{
	'v': pb.ConfChangeAddNode,
	'l': pb.ConfChangeAddLearnerNode,
	'r': pb.ConfChangeRemoveNode,
	'u': pb.ConfChangeUpdateNode,
}

func (c *change) decode() pb.ConfChangeV2 {
	cc := pb.ConfChangeV2{}
	if c.Transition == "jointExplicit" {
		cc.Transition = pb.ConfChangeTransitionJointExplicit
	}
	for _, each := range c.Changes {
		id, err := strconv.ParseUint(each[1:], 10, 64)
		must(err)
		cc.Changes = append(cc.Changes, pb.ConfChangeSingle{Type: kinds[each[0]], NodeID: id})
	}
	return cc
}
