package profile

import (
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// seen is what a profile takes from an event.
type seen struct {
	touch
	traits, contextTraits, operations, consent string // JSON, "" without
}

// rare reports whether the event touches more than activity.
func (s *seen) rare(f *touchstone.Fact) bool {
	return s.traits != "" || s.contextTraits != "" || s.operations != "" || s.consent != "" || f.GroupID != ""
}

// parse takes from an event what a profile needs, reading its context once.
func (p *Profiles) parse(f *touchstone.Fact) (s seen) {
	s.at = f.Time.UnixMilli()
	s.event = p.words[eventWords].id(f.Name)
	source := p.source(f.Source)
	s.source, s.channel = source.source, source.channel
	var channel, library, location string
	jsonwalk.Members(string(f.Context), func(key, value string) bool {
		switch key {
		case "channel":
			channel = jsonwalk.Text(value)
		case "library":
			library = value
		case "traits":
			if value != "{}" && value[0] == '{' {
				s.contextTraits = value
			}
		case "traitOperations":
			if f.Type == touchstone.Identify && value[0] == '{' {
				s.operations = value
			}
		case "consent":
			s.consent = consentOf(value)
		case "location":
			location = value
		}
		return true
	})
	if f.Type == touchstone.Identify && len(f.Traits) > 2 {
		s.traits = string(f.Traits)
	}
	if name := channelName(channel, library); name != "" {
		s.channel = p.words[labelWords].id(name)
	}
	if location != "" {
		jsonwalk.Members(location, func(key, value string) bool {
			switch key {
			case "city":
				s.city = p.words[labelWords].id(jsonwalk.Text(value))
			case "country":
				s.country = p.words[labelWords].id(jsonwalk.Text(value))
			}
			return true
		})
	}
	if s.event == 0 {
		p.metrics.drop("event_name")
	}
	return s
}

func consentOf(consent string) string {
	if c := jsonwalk.Member(consent, "categoryPreferences"); len(c) > 2 && c[0] == '{' && len(c) <= maxValueBytes {
		return c
	}
	return ""
}

// source returns the words of a source, remembered because nearly every event has one of
// a few sources.
func (p *Profiles) source(id string) sourceLabels {
	if l, ok := p.labels[id]; ok {
		return l
	}
	words := p.words[labelWords]
	l := sourceLabels{words.id(id), words.id(p.cfg.Channel(id))}
	if len(p.labels) < maxWords[labelWords] {
		p.labels[strings.Clone(id)] = l
	}
	return l
}

// channelName returns the channel that an event names by itself: in context.channel, as
// RudderStack's SDKs do, or by its library. "" leaves it to the kind of the source.
func channelName(channel, library string) string {
	switch channel {
	case "":
	case "browser":
		return "web"
	case "mobile":
		return "app"
	default:
		return channel
	}
	if library == "" {
		return ""
	}
	switch name := jsonwalk.Text(jsonwalk.Member(library, "name")); name {
	case "analytics.js", "@segment/analytics-next", "RudderLabs JavaScript SDK":
		return "web"
	case "analytics-ios", "analytics-swift", "analytics-android", "analytics-kotlin", "analytics-react-native",
		"@segment/analytics-react-native", "analytics_flutter", "analytics-flutter",
		"rudder-ios-library", "rudder-android-library", "com.rudderstack.android.sdk.core", "rudder-react-native-library", "rudder-flutter-library":
		return "app"
	}
	// Server libraries speak for any touchpoint: the source knows which.
	return ""
}
