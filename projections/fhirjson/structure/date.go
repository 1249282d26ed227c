package structure

// isDate accepts YYYY, YYYY-MM and YYYY-MM-DD of days that exist. There is no year 0000.
func isDate(v []byte) bool {
	_, ok := date(v)
	return ok && len(v) <= len("2006-01-02")
}

// isDateTime accepts what isDate does, or a day with a time and a zone.
func isDateTime(v []byte) bool {
	rest, ok := date(v)
	return ok && (len(rest) == 0 || isMoment(v))
}

// isInstant accepts a day with a time and a zone.
func isInstant(v []byte) bool {
	_, ok := date(v)
	return ok && isMoment(v)
}

func isMoment(v []byte) bool {
	const day = len("2006-01-02")
	return len(v) > day && v[day] == 'T' && isClock(v[day+1:], true)
}

// isTime accepts hh:mm:ss with any fraction. There is no 24:00; 60 is a leap second.
func isTime(v []byte) bool { return isClock(v, false) }

// date reads a date from the beginning of v and returns what follows it.
func date(v []byte) (rest []byte, ok bool) {
	year, ok := number(v, 0, 4)
	if !ok || year == 0 {
		return nil, false
	}
	if len(v) == 4 {
		return nil, true
	}
	month, ok := number(v, 5, 2)
	if !ok || v[4] != '-' || month < 1 || month > 12 {
		return nil, false
	}
	if len(v) == 7 {
		return nil, true
	}
	day, ok := number(v, 8, 2)
	if !ok || v[7] != '-' || day < 1 || day > days(year, month) {
		return nil, false
	}
	return v[10:], true
}

// days is how many days a month has in the Gregorian calendar.
func days(year, month int) int {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4, month == 6, month == 9, month == 11:
		return 30
	}
	return 31
}

// isClock reads hh:mm:ss, a fraction where there is one, and a zone where one is wanted.
func isClock(v []byte, zoned bool) bool {
	hour, okHour := number(v, 0, 2)
	minute, okMinute := number(v, 3, 2)
	second, okSecond := number(v, 6, 2)
	if !okHour || !okMinute || !okSecond || v[2] != ':' || v[5] != ':' || hour > 23 || minute > 59 || second > 60 {
		return false
	}
	v = v[8:]
	if len(v) > 0 && v[0] == '.' {
		end := 1
		for end < len(v) && isDigit(v[end]) {
			end++
		}
		if end == 1 {
			return false
		}
		v = v[end:]
	}
	if !zoned {
		return len(v) == 0
	}
	return isZone(v)
}

// isZone accepts Z and offsets of up to 14:00.
func isZone(v []byte) bool {
	if len(v) == 1 {
		return v[0] == 'Z'
	}
	if len(v) != 6 || v[0] != '+' && v[0] != '-' || v[3] != ':' {
		return false
	}
	hour, okHour := number(v, 1, 2)
	minute, okMinute := number(v, 4, 2)
	return okHour && okMinute && minute <= 59 && (hour < 14 || hour == 14 && minute == 0)
}

// number reads n digits at a place.
func number(v []byte, at, n int) (value int, ok bool) {
	if len(v) < at+n {
		return 0, false
	}
	for _, b := range v[at : at+n] {
		if !isDigit(b) {
			return 0, false
		}
		value = value*10 + int(b-'0')
	}
	return value, true
}
