package warehouse

import (
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// The dimensions are the few parts of the context that everybody filters by. They are
// taken out of the JSON once, when an event is appended, and have a column each.
const (
	Session = iota
	Platform
	OS
	Country
	City
	UTMSource
	UTMMedium
	UTMCampaign
	UTMTerm
	UTMContent
	Channel
	PagePath
	dimensions
)

// DimensionNames are the names of the columns, in the order of a Dimensions.
var DimensionNames = [dimensions]string{"session", "platform", "os", "country", "city",
	"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "channel", "page_path"}

// Dimensions are an event's values; "" stands for none.
type Dimensions [dimensions]string

// maxDimensionLength bounds a value, in bytes; longer ones are cut.
const maxDimensionLength = 512

// Extract fills d from e. It reads the context once.
func (d *Dimensions) Extract(e *touchstone.Event) {
	*d = Dimensions{}
	var hints platformHints
	jsonwalk.Members(string(e.Context), func(key, value string) bool {
		d.fromContext(key, value, &hints)
		return true
	})
	if d[PagePath] == "" && e.Type == touchstone.Page {
		d[PagePath] = text(jsonwalk.Member(string(e.Properties), "path"))
	}
	if d[OS] == "" {
		d[OS] = osOfUserAgent(hints.userAgent)
	}
	if d[Platform] == "" {
		d[Platform] = hints.platform(d[OS])
	}
	for i := range d {
		d[i] = cut(d[i])
	}
}

func (d *Dimensions) fromContext(key, value string, hints *platformHints) {
	switch key {
	case "sessionId":
		d[Session] = text(value)
	case "platform":
		d[Platform] = text(value)
	case "channel":
		d[Channel] = text(value)
	case "os":
		d[OS] = text(jsonwalk.Member(value, "name"))
	case "location":
		d.fill(value, location)
	case "campaign":
		d.fill(value, campaign)
	case "page":
		hints.page = true
		d[PagePath] = text(jsonwalk.Member(value, "path"))
	case "device":
		hints.device = text(jsonwalk.Member(value, "type"))
	case "library":
		hints.library = text(jsonwalk.Member(value, "name"))
	case "userAgent":
		hints.userAgent = jsonwalk.Text(value)
	case "userAgentData":
		if d[OS] == "" {
			d[OS] = text(jsonwalk.Member(value, "platform"))
		}
	}
}

// Which dimensions the members of an object of the context are.
var (
	location = map[string]int{"country": Country, "city": City}
	campaign = map[string]int{"source": UTMSource, "medium": UTMMedium, "name": UTMCampaign, "term": UTMTerm, "content": UTMContent}
)

func (d *Dimensions) fill(object string, places map[string]int) {
	jsonwalk.Members(object, func(key, value string) bool {
		if at, ok := places[key]; ok {
			d[at] = text(value)
		}
		return true
	})
}

// text returns strings and numbers as text; what else is sent in their place is ignored.
func text(value string) string {
	if value != "" && (value[0] == '-' || value[0] >= '0' && value[0] <= '9') {
		return value
	}
	return jsonwalk.Text(value)
}

// cut bounds s without breaking a character.
func cut(s string) string {
	if len(s) <= maxDimensionLength {
		return s
	}
	n := maxDimensionLength
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// platformHints are the parts of a context that tell where an event was made.
type platformHints struct {
	device, library, userAgent string
	page                       bool
}

// platform returns web, ios, android, harmony, mini_program, server, or the type of
// the device that was sent; "" if nothing tells. A stated device type comes first,
// then the library, because a phone's browser has the phone's operating system too.
func (h *platformHints) platform(os string) string {
	library := strings.ToLower(h.library)
	switch {
	case h.device != "" && !equalsAny(h.device, "mobile", "desktop", "tablet", "phone"):
		return strings.ToLower(h.device)
	case containsAny(library, "mini", "wechat", "weixin"):
		return "mini_program"
	case containsAny(library, "analytics.js", "analytics-next", "analytics-browser", "javascript"):
		return "web"
	case containsAny(library, "ios", "swift"):
		return "ios"
	case containsAny(library, "android", "kotlin"):
		return "android"
	case containsAny(library, "harmony"):
		return "harmony"
	case h.page || strings.HasPrefix(h.userAgent, "Mozilla/"):
		return "web"
	case equalsAny(os, "ios", "ipados"):
		return "ios"
	case equalsAny(os, "android"):
		return "android"
	case equalsAny(os, "harmonyos", "openharmony"):
		return "harmony"
	case containsAny(library, "node", "python", "go", "java", "ruby", "php", "rust", "csharp", "server", "http"):
		return "server"
	}
	return ""
}

func containsAny(s string, parts ...string) bool {
	for _, p := range parts {
		if s != "" && strings.Contains(s, p) {
			return true
		}
	}
	return false
}

func equalsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}

// osOfUserAgent tells the families of operating systems apart; browsers send nothing better.
// It is most often in the first comment: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) …".
func osOfUserAgent(agent string) string {
	if _, rest, found := strings.Cut(agent, "("); found {
		comment, _, _ := strings.Cut(rest, ")")
		if os := osIn(comment); os != "" && os != "Linux" {
			return os
		}
	}
	return osIn(agent)
}

func osIn(agent string) string {
	switch {
	case strings.Contains(agent, "iPhone"), strings.Contains(agent, "iPad"):
		return "iOS"
	case strings.Contains(agent, "HarmonyOS"):
		return "HarmonyOS"
	case strings.Contains(agent, "Android"):
		return "Android"
	case strings.Contains(agent, "Windows NT"):
		return "Windows"
	case strings.Contains(agent, "Mac OS X"):
		return "macOS"
	case strings.Contains(agent, "CrOS"):
		return "ChromeOS"
	case strings.Contains(agent, "Linux"):
		return "Linux"
	}
	return ""
}
