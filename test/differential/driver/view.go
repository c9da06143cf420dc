package main

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
	"go.etcd.io/etcd/raft/tracker"
)

// view is a node as it stands after a command, with what it did during it.
type view struct {
	Panic    string `json:"panic,omitempty"`
	Refused  bool   `json:"refused"`
	Held     bool   `json:"held"`
	Term     uint64 `json:"term"`
	Vote     uint64 `json:"vote"`
	Leader   uint64 `json:"leader"`
	Role     string `json:"role"`
	Commit   uint64 `json:"commit"`
	Applied  uint64 `json:"applied"`
	First    uint64 `json:"first"`
	Last     uint64 `json:"last"`
	Snapshot uint64 `json:"snapshot"`
	// Base is the term of the entry before First.
	Base      uint64     `json:"base"`
	Transfer  uint64     `json:"transfer"`
	Members   string     `json:"members"`
	Progress  []progress `json:"progress"`
	Waiting   int        `json:"waiting"`
	Postponed int        `json:"postponed"`
	// Log has an item "term:name" for each entry from First on; left out if it has not changed.
	Log      []string  `json:"log,omitempty"`
	LogShown bool      `json:"logShown"`
	Done     []string  `json:"done,omitempty"`
	Reads    []string  `json:"reads,omitempty"`
	Messages []message `json:"messages,omitempty"`
}

type progress struct {
	Node            uint64 `json:"node"`
	Match           uint64 `json:"match"`
	Next            uint64 `json:"next"`
	State           string `json:"state"`
	Learner         bool   `json:"learner"`
	Active          bool   `json:"active"`
	Paused          bool   `json:"paused"`
	PendingSnapshot uint64 `json:"pendingSnapshot"`
	Inflight        int    `json:"inflight"`
	WindowFull      bool   `json:"windowFull"`
	Oldest          uint64 `json:"oldest"`
}

type message struct {
	Number   int      `json:"number"`
	Type     string   `json:"type"`
	From     uint64   `json:"from"`
	To       uint64   `json:"to"`
	Term     uint64   `json:"term"`
	LogTerm  uint64   `json:"logTerm"`
	Index    uint64   `json:"index"`
	Commit   uint64   `json:"commit"`
	Entries  []string `json:"entries"`
	Reject   bool     `json:"reject"`
	Hint     uint64   `json:"hint"`
	Context  string   `json:"context"`
	Snapshot string   `json:"snapshot"`
}

var roles = map[raft.StateType]string{
	raft.StateFollower:     "follower",
	raft.StatePreCandidate: "precandidate",
	raft.StateCandidate:    "candidate",
	raft.StateLeader:       "leader",
}

var states = map[tracker.StateType]string{
	tracker.StateProbe:     "probe",
	tracker.StateReplicate: "replicate",
	tracker.StateSnapshot:  "snapshot",
}

func (h *host) show() view {
	status := h.node.Status()
	v := view{
		Refused:  h.refused,
		Held:     h.held != nil,
		Term:     status.Term,
		Vote:     status.Vote,
		Leader:   status.Lead,
		Role:     roles[status.RaftState],
		Commit:   status.Commit,
		Applied:  status.Applied,
		Transfer: status.LeadTransferee,
		Members:  membersOf(status.Config),
		Progress: progressOf(status.Progress),
		Done:     h.done,
	}
	v.Waiting, v.Postponed = readsOf(h.node)
	h.showLog(&v)
	for _, read := range h.reads {
		v.Reads = append(v.Reads, fmt.Sprintf("%s=%d", read.RequestCtx, read.Index))
	}
	for _, each := range h.sent {
		v.Messages = append(v.Messages, messageOf(each))
	}
	h.refused, h.sent, h.reads, h.done = false, nil, nil, nil
	return v
}

func (h *host) showLog(v *view) {
	unstable, offset, pending := unstableOf(h.node)
	var entries []pb.Entry
	if pending != nil {
		v.Snapshot = pending.Metadata.Index
		v.First = v.Snapshot + 1
		v.Base = pending.Metadata.Term
	} else {
		snapshot, err := h.store.Snapshot()
		must(err)
		v.Snapshot = snapshot.Metadata.Index
		v.First, err = h.store.FirstIndex()
		must(err)
		v.Base, err = h.store.Term(v.First - 1)
		must(err)
		if offset > v.First {
			entries, err = h.store.Entries(v.First, offset, ^uint64(0))
			must(err)
		}
	}
	v.Last = v.First + uint64(len(entries)+len(unstable)) - 1
	term := uint64(0)
	if len(unstable) > 0 {
		term = unstable[len(unstable)-1].Term
	} else if len(entries) > 0 {
		term = entries[len(entries)-1].Term
	}
	// By the log matching property the last entry of a node tells whether its log has changed.
	if h.logShown && h.shownFirst == v.First && h.shownLast == v.Last && h.shownTerm == term {
		return
	}
	h.logShown, h.shownFirst, h.shownLast, h.shownTerm = true, v.First, v.Last, term
	v.LogShown = true
	v.Log = namesOf(entries, namesOf(unstable)...)
}

// namesOf puts an item for each entry before rest.
func namesOf(entries []pb.Entry, rest ...string) []string {
	names := make([]string, 0, len(entries)+len(rest))
	for _, e := range entries {
		names = append(names, strconv.FormatUint(e.Term, 10)+":"+nameOf(e))
	}
	return append(names, rest...)
}

// nameOf says what an entry carries: name/bytes of a payload, nothing of an empty one, or the
// membership change in the letters of confchange.
func nameOf(e pb.Entry) string {
	if e.Type == pb.EntryConfChangeV2 {
		var cc pb.ConfChangeV2
		must(cc.Unmarshal(e.Data))
		return "change " + cc.Transition.String()[len("ConfChangeTransition"):] + " " +
			pb.ConfChangesToString(cc.Changes)
	}
	if len(e.Data) == 0 {
		return ""
	}
	return string(e.Data[:bytes.IndexByte(e.Data, ':')]) + "/" + strconv.Itoa(len(e.Data))
}

func listOf(ids []uint64) string {
	ids = append([]uint64{}, ids...)
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	parts := make([]string, 0, len(ids))
	for _, id := range ids {
		parts = append(parts, strconv.FormatUint(id, 10))
	}
	return strings.Join(parts, ",")
}

func keysOf(ids map[uint64]struct{}) []uint64 {
	keys := make([]uint64, 0, len(ids))
	for id := range ids {
		keys = append(keys, id)
	}
	return keys
}

func membersOf(c tracker.Config) string {
	return fmt.Sprintf("voters %s | outgoing %s | learners %s | next %s | %t",
		listOf(keysOf(c.Voters[0])), listOf(keysOf(c.Voters[1])),
		listOf(keysOf(c.Learners)), listOf(keysOf(c.LearnersNext)), c.AutoLeave)
}

func confOf(c pb.ConfState) string {
	return fmt.Sprintf("voters %s | outgoing %s | learners %s | next %s | %t", listOf(c.Voters),
		listOf(c.VotersOutgoing), listOf(c.Learners), listOf(c.LearnersNext), c.AutoLeave)
}

func progressOf(all map[uint64]tracker.Progress) []progress {
	shown := []progress{}
	for id, pr := range all {
		pr := pr
		shown = append(shown, progress{
			Node:            id,
			Match:           pr.Match,
			Next:            pr.Next,
			State:           states[pr.State],
			Learner:         pr.IsLearner,
			Active:          pr.RecentActive,
			Paused:          pr.IsPaused(),
			PendingSnapshot: pr.PendingSnapshot,
			Inflight:        pr.Inflights.Count(),
			WindowFull:      pr.Inflights.Full(),
			Oldest:          oldestInflight(pr.Inflights),
		})
	}
	sort.Slice(shown, func(i, j int) bool { return shown[i].Node < shown[j].Node })
	return shown
}

func messageOf(each sentMessage) message {
	m := each.message
	shown := message{
		Number:  each.number,
		Type:    m.Type.String(),
		From:    m.From,
		To:      m.To,
		Term:    m.Term,
		LogTerm: m.LogTerm,
		Index:   m.Index,
		Commit:  m.Commit,
		Reject:  m.Reject,
		Hint:    m.RejectHint,
		Context: string(m.Context),
	}
	if m.Type == pb.MsgReadIndex || m.Type == pb.MsgReadIndexResp {
		shown.Context = string(m.Entries[0].Data)
		shown.Entries = []string{}
	} else {
		shown.Entries = namesOf(m.Entries)
	}
	if m.Type == pb.MsgSnap {
		meta := m.Snapshot.Metadata
		shown.Snapshot = fmt.Sprintf("%d:%d %s", meta.Index, meta.Term, confOf(meta.ConfState))
	}
	return shown
}
