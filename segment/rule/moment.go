package rule

// MaxMoment is the year 6429, in unix milliseconds: what is kept has no later time.
const MaxMoment = 1<<47 - 1

// Moment is a time as it is kept: later ones count as MaxMoment, earlier ones than 1970 as 1970.
func Moment(ms int64) int64 { return min(max(ms, 0), MaxMoment) }
