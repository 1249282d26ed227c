package projections

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// origin is where candidates for a search are found: rows with the key of a record, some
// perhaps more than once.
type origin struct {
	sql   string
	rows  string // the same for who only counts: without the joins that find the records
	args  []any
	match string // the question to the words, where that is all
	way   fhirsearch.Way
	count int  // of rows, as far as they were counted
	exact bool // count is all
	along bool // it is the reach along which what is found is ordered

	carried carried
}

// firstArg is the first free number of an argument: the others are those of look.
const firstArg = 3

// add joins a question that gives keys of records. A question mark stands for each argument.
func (s *origin) add(sql string, args ...any) { s.addCounted(sql, sql, args...) }

// addCounted joins a question and one that gives as many rows for less.
func (s *origin) addCounted(sql, rows string, args ...any) {
	s.sql, s.rows, s.match = s.joined(s.sql, sql), s.joined(s.rows, rows), ""
	s.args = append(s.args, args...)
}

func (s *origin) joined(before, sql string) string {
	var b strings.Builder
	if before != "" {
		b.WriteString(before + " UNION ALL ")
	}
	for i, part := range strings.Split(sql, "?") {
		if i > 0 {
			fmt.Fprintf(&b, "?%d", firstArg+len(s.args)+i-1)
		}
		b.WriteString(part)
	}
	return b.String()
}

// plan picks the origin with the fewest candidates. While the index is being completed
// one that needs no index goes before, since it has everything.
func (x *searching) plan() (origin, error) {
	origins, err := x.origins()
	if err != nil {
		return origin{}, err
	}
	best, err := x.best(origins)
	if err != nil || best.match == "" || best.count > x.counted {
		return best, err
	}
	found, _, err := x.findCarried(best.match, best.count)
	return found.origin(best.way), err
}

// best counts the candidates of each origin no further than it takes to pick one.
func (x *searching) best(origins []origin) (origin, error) {
	// Few are found out cheaply, and then it does not matter how many the others have.
	var best origin
	for _, most := range []int{x.few, x.counted} {
		least := most
		for i := range origins {
			if err := x.measure(&origins[i], least); err != nil {
				return best, err
			}
			if !x.behind || x.whole(&origins[i]) { // no other is worth counting further than the best one reaches
				least = min(least, origins[i].count)
			}
			if i == len(origins)-2 && !x.behind { // the plain one, which is last, is not better than few
				if best = slices.MinFunc(origins[:i+1], x.rank); best.count <= x.few || best.exact || i == 0 && x.walksAlong(best) {
					return best, nil
				}
			}
		}
		if best = slices.MinFunc(origins, x.rank); best.count <= most {
			break
		}
	}
	return best, nil
}

// rank orders origins.
func (x *searching) rank(a, b origin) int {
	if x.behind {
		switch all, also := x.whole(&a), x.whole(&b); {
		case all && !also:
			return -1
		case also && !all:
			return 1
		}
	}
	return cmp.Compare(a.count, b.count)
}

// whole reports whether an origin has everything also while the index is being completed.
func (x *searching) whole(o *origin) bool {
	return (!o.way.Indexed() || x.within) && o.count <= x.counted
}

// carriersKept is how many of what words find are kept as they are counted.
const carriersKept = 1000

// measure counts the candidates of a origin, up to one more than most. Those that words
// find are kept where they are not many, since finding them costs most of such a search.
func (x *searching) measure(s *origin, most int) error {
	if s.exact {
		return nil
	}
	if s.match != "" && most <= x.few {
		if most == x.few { // nothing better is known yet
			most = max(most, carriersKept)
		}
		found, met, err := x.findCarried(s.match, most+1)
		if err != nil {
			return err
		}
		if s.count = met; met > 0 && met <= most {
			*s = found.origin(s.way)
		}
		return nil
	}
	args := slices.Concat([]any{most + 1, nil}, s.args)
	_, err := x.one("SELECT count(*) FROM (SELECT 1 FROM ("+s.rows+") LIMIT ?1)", args, &s.count)
	return err
}

// origins are all ways to the candidates, the plain one last.
func (x *searching) origins() (list []origin, err error) {
	if match := matchOf(x.Text); match != "" {
		var s origin
		s.addWords(match)
		return []origin{s}, nil // nothing else looks at the text
	} else if strings.TrimSpace(x.Text) != "" {
		return nil, fmt.Errorf("%w: %q has no letter and no digit", ErrQuery, x.Text)
	}
	if err := x.countWaiting(); err != nil {
		return nil, err
	}
	for i := range x.Conditions {
		for _, way := range x.Conditions[i].Ways() {
			s, err := x.originOf(way)
			if err != nil {
				return nil, err
			}
			s.along = x.along != nil && x.along.of == i
			if way.Indexed() && x.within {
				x.addWaiting(&s)
			}
			list = append(list, s)
		}
	}
	var all origin
	switch {
	case x.Type == "":
		all.add("SELECT key AS record FROM record")
	case x.behind: // whole, and slow
		all.add("SELECT key AS record FROM record WHERE +type = ?", x.Type)
	default:
		ids := fhirsearch.IDsOf(x.Type)
		all.add("SELECT record FROM found_by WHERE key >= ? AND key <= ?", ids.From, ids.To)
	}
	return append(list, all), nil
}

// addWaiting joins what the index does not reach yet: a way through it is whole with that.
func (x *searching) addWaiting(s *origin) {
	s.add("SELECT key AS record FROM record WHERE key > ?", x.upTo)
	s.add("SELECT record FROM unindexed")
}

// countWaiting finds out whether what the index does not reach yet is so little that a
// search can look at all of it.
func (x *searching) countWaiting() error {
	if !x.behind {
		return nil
	}
	var waiting origin
	x.addWaiting(&waiting)
	most := x.counted / 2
	err := x.measure(&waiting, most)
	x.within = waiting.count <= most
	return err
}

// addWords joins the records whose words match.
func (s *origin) addWords(match string) {
	alone := s.sql == ""
	s.addCounted("SELECT e.record FROM words n JOIN event e ON e.arrival = n.rowid WHERE words MATCH ?", "SELECT rowid AS record FROM words WHERE words MATCH ?", match)
	if alone {
		s.match = match
	}
}

// originOf joins the parts of a way.
func (x *searching) originOf(way fhirsearch.Way) (s origin, err error) {
	s.way = way
	for _, r := range way.Reaches {
		s.add("SELECT record FROM found_by WHERE key >= ? AND key <= ?", r.From, r.To)
	}
	for _, id := range way.IDs {
		s.add("SELECT r.key AS record FROM record r WHERE "+named, nameArgs(events.Record{Type: x.Type, ID: id})...)
	}
	for _, patient := range way.Patients {
		s.add("SELECT key AS record FROM record WHERE dossier = (SELECT key FROM dossier WHERE patient = ?) AND +type = ?", patient, x.Type)
		s.add("SELECT record FROM head WHERE dossier = (SELECT key FROM dossier WHERE patient = ?)", patient)
	}
	for _, words := range way.Words {
		s.addWords(matchWords(names, words))
	}
	for _, text := range way.Others {
		s.addWords(`{other} : "` + text + `" *`)
	}
	if way.Conflict {
		s.add("SELECT key AS record FROM record WHERE conflict = 1 AND type = ?", x.Type)
	}
	if s.sql == "" {
		from, to, err := x.arrivals(way.Updated)
		if err != nil {
			return s, err
		}
		s.add("SELECT record FROM event WHERE arrival >= ? AND arrival < ?", from, to)
	}
	return s, nil
}

// arrivals are the first event that came at the beginning of a span of time, and the first
// that came after its end. Events are in the order of their times, which are not indexed.
func (v *view) arrivals(span [2]int64) (from, to int64, err error) {
	var last int64
	if _, err := v.one("SELECT ifnull(max(arrival), 0) FROM event", nil, &last); err != nil {
		return 0, 0, err
	}
	first := func(came func(at int64) bool) (int64, error) {
		low, high := int64(0), last+1
		for low < high {
			middle := low + (high-low)/2
			var arrival, at int64
			found, err := v.one("SELECT arrival, arrived FROM event WHERE arrival >= ? ORDER BY arrival LIMIT 1", []any{middle}, &arrival, &at)
			switch {
			case err != nil:
				return 0, err
			case !found || came(at):
				high = middle
			default:
				low = arrival + 1
			}
		}
		return low, nil
	}
	if from, err = first(func(at int64) bool { return at >= span[0] }); err != nil {
		return 0, 0, err
	}
	to, err = first(func(at int64) bool { return at > span[1] })
	return from, to, err
}

// names are the columns in which names stand.
const names = "{family given name}"

// matchWords writes words as an FTS5 question: each must begin a word of the columns.
func matchWords(columns string, words []string) string {
	var parts []string
	for _, word := range words {
		parts = append(parts, columns+` : "`+word+`" *`)
	}
	return strings.Join(parts, " AND ")
}

// matchOf writes a text as an FTS5 question: every word must begin a word of the names, or
// a birth date or an identifier however it is punctuated. Empty where it has no word.
func matchOf(text string) string {
	var parts []string
	for field := range strings.FieldsSeq(text) {
		if words := fhirjson.Words(field); len(words) > 0 {
			parts = append(parts, "(("+matchWords(names, words)+`) OR {other} : "`+fhirsearch.Bare(field)+`" *)`)
		}
	}
	return strings.Join(parts, " AND ")
}
