package apptest

import "testing"

// The same bodies run on every shape. Each gets fresh back ends.
func TestShapes(t *testing.T) {
	bodies := []struct {
		name string
		run  func(t *testing.T, shape Shape)
	}{
		{"timeline of one person over all channels", testAllChannels},
		{"merge of two persons", testMerge},
		{"two owners of one car", testTwoOwnersOfOneCar},
		{"what names nobody", testWhatNamesNobody},
		{"segment enter and exit by time", testSegmentByTime},
		{"segments built while events arrive", testSegmentBuiltWhileEventsArrive},
		{"duplicates are dropped", testDuplicates},
		{"quarantine, repair and replay", testQuarantine},
		{"figures hold at every moment", testFigures},
		{"texts of the world", testTextOfTheWorld},
		{"nothing stops a consumer", testNothingStopsAConsumer},
		{"hostile input", testHostileInput},
		{"audiences", testAudiences},
		{"webhooks of a segment", testWebhooks},
		{"erasure", testErasure},
		{"retention and holds", testRetention},
		{"events of nobody", testPseudonyms},
		{"restart", testRestart},
	}
	shapes := []struct {
		name string
		make func(t testing.TB) Shape
	}{
		{"embedded", func(testing.TB) Shape { return Embedded() }},
		{"scale-out", ScaleOut},
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			shape := s.make(t)
			for _, b := range bodies {
				t.Run(b.name, func(t *testing.T) { b.run(t, shape) })
			}
		})
	}
}
