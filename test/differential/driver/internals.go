package main

import (
	"fmt"
	"math/rand"
	"reflect"
	"sync"
	"unsafe"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
	"go.etcd.io/etcd/raft/tracker"
)

// What raft keeps to itself and a comparison needs: the unstable end of the log, the reads that
// wait, and the draws of election timeouts. Nothing but the source of those draws is written to.

// lockedRand has the layout of the type of the same name in raft.go.
type lockedRand struct {
	mu   sync.Mutex
	rand *rand.Rand
}

// globalRand is raft's variable of that name, a pointer to its lockedRand.
//
//go:linkname globalRand go.etcd.io/etcd/raft.globalRand
var globalRand unsafe.Pointer

// timeoutDrawn is the election timeout, in ticks, that the next draws give.
var timeoutDrawn int

// electionTicks is the lower end of what is drawn, of the node at work.
var electionTicks int

type scripted struct{}

func (scripted) Seed(int64) {}

// Int63 makes rand.Intn(n) give timeoutDrawn - electionTicks, which is less than n: Intn takes the
// upper 31 bits, modulo n.
func (scripted) Int63() int64 {
	return int64(timeoutDrawn-electionTicks) << 32
}

func scriptTimeouts() {
	(*lockedRand)(globalRand).rand = rand.New(scripted{})
}

func field(t reflect.Type, name string) reflect.StructField {
	f, ok := t.FieldByName(name)
	if !ok {
		panic(fmt.Sprintf("this version of raft has no field %s in %s", name, t))
	}
	return f
}

var (
	raftField      = field(reflect.TypeOf(raft.RawNode{}), "raft")
	raftType       = raftField.Type.Elem()
	logField       = field(raftType, "raftLog")
	unstableField  = field(logField.Type.Elem(), "unstable")
	entriesField   = field(unstableField.Type, "entries")
	snapshotField  = field(unstableField.Type, "snapshot")
	offsetField    = field(unstableField.Type, "offset")
	readOnlyField  = field(raftType, "readOnly")
	queueField     = field(readOnlyField.Type.Elem(), "readIndexQueue")
	postponedField = field(raftType, "pendingReadIndexMessages")
	bufferField    = field(reflect.TypeOf(tracker.Inflights{}), "buffer")
	startField     = field(reflect.TypeOf(tracker.Inflights{}), "start")
)

func raftOf(node *raft.RawNode) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(node), raftField.Offset))
}

// unstableOf returns the entries that the storage does not hold, the index of the first of them,
// and the snapshot that is not stored.
func unstableOf(node *raft.RawNode) ([]pb.Entry, uint64, *pb.Snapshot) {
	raftLog := *(*unsafe.Pointer)(unsafe.Add(raftOf(node), logField.Offset))
	unstable := unsafe.Add(raftLog, unstableField.Offset)
	return *(*[]pb.Entry)(unsafe.Add(unstable, entriesField.Offset)),
		*(*uint64)(unsafe.Add(unstable, offsetField.Offset)),
		*(**pb.Snapshot)(unsafe.Add(unstable, snapshotField.Offset))
}

// readsOf returns how many reads wait for a quorum, and for the first commit of the term.
func readsOf(node *raft.RawNode) (waiting, postponed int) {
	readOnly := *(*unsafe.Pointer)(unsafe.Add(raftOf(node), readOnlyField.Offset))
	queue := *(*[]string)(unsafe.Add(readOnly, queueField.Offset))
	messages := *(*[]pb.Message)(unsafe.Add(raftOf(node), postponedField.Offset))
	return len(queue), len(messages)
}

// oldestInflight returns the last index of the oldest append under way, 0 if there is none.
func oldestInflight(inflights *tracker.Inflights) uint64 {
	if inflights.Count() == 0 {
		return 0
	}
	at := unsafe.Pointer(inflights)
	buffer := *(*[]uint64)(unsafe.Add(at, bufferField.Offset))
	return buffer[*(*int)(unsafe.Add(at, startField.Offset))]
}
