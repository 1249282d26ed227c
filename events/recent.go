package events

import "maps"

// recent remembers what was put into it of late: the newest entries, most of them at least and less than twice as many.
// Its room is taken as it fills, and used again. It is used by one goroutine at a time while something is put.
type recent[K comparable, V any] struct {
	most       int
	young, old map[K]V // once young is full, old is forgotten and young takes its place
}

func newRecent[K comparable, V any](most int) recent[K, V] {
	return recent[K, V]{most, make(map[K]V), make(map[K]V)}
}

func (r *recent[K, V]) get(k K) (v V, ok bool) {
	if v, ok = r.young[k]; !ok {
		v, ok = r.old[k]
	}
	return v, ok
}

func (r *recent[K, V]) put(k K, v V) {
	if len(r.young) >= r.most {
		r.young, r.old = r.old, r.young
		clear(r.young)
	}
	r.young[k] = v
}

func (r *recent[K, V]) drop(k K) {
	delete(r.young, k)
	delete(r.old, k)
}

func (r *recent[K, V]) dropFunc(which func(K, V) bool) {
	maps.DeleteFunc(r.young, which)
	maps.DeleteFunc(r.old, which)
}
