package analyticstest

// Columns of matched: time, [breakdown…], events, identifier, probable, household, share, and of amounts the same.
// Of exposed: [breakdown…], touch, way, sales, share, persons, median_seconds.
var matchedCases = []Case{
	{
		Name: "matched",
		Events: `
			# 900 has shopped online, under another node
			901 is 900
			900 view 2025-12-01T10:00:00Z
			901 receipt 2026-01-10T10:00:00Z {"amount":10,"store":"a"}
			901 receipt 2026-01-11T10:00:00Z {"amount":2.5,"store":"b"}
			# 911 has not, 910 of the same household has
			910 view 2026-01-02T10:00:00Z
			911 receipt 2026-01-12T10:00:00Z {"amount":100,"store":"a"}
			# a probable link joins what was seen online and the receipt
			921 is 920
			922 is 920
			920 view 2026-01-03T10:00:00Z
			921 receipt 2026-01-13T10:00:00Z {"amount":7,"store":"a"}
			# nobody knows these
			930 receipt 2026-01-14T10:00:00Z {"amount":80.5,"store":"b"}
			931 receipt 2026-01-15T10:00:00Z {"store":"b"}
			# seen too long ago, and after the range
			940 view 2024-01-01T10:00:00Z
			940 view 2026-02-02T10:00:00Z
			940 receipt 2026-01-16T10:00:00Z {"amount":0.1,"store":"b"}`,
		Asks: []Ask{
			{`"kind":"matched",RANGE,"interval":"total","sale":{"event":"receipt"},"online":{"event":"view"},"amount":"amount"`, `
				["2026-01-01T00:00:00Z",7,2,1,1,0.571428571428571,200.1,12.5,7,100,0.597201399300350]`},
			{`"kind":"matched",RANGE,"interval":"total","sale":{"event":"receipt"},"online":{"event":"view"},"breakdown":[{"property":"store"}]`, `
				["2026-01-01T00:00:00Z","b",4,1,0,0,0.25]
				["2026-01-01T00:00:00Z","a",3,1,1,1,1]`},
			{`"kind":"matched",RANGE,"interval":"total","lookback":"3650d","sale":{"event":"receipt","where":[{"property":"store","op":"eq","value":"b"}]},"online":{"event":"view"}`, `
				["2026-01-01T00:00:00Z",4,2,0,0,0.5]`},
			{`"kind":"matched","from":"2026-01-10T00:00:00Z","to":"2026-01-12T00:00:00Z","interval":"day","sale":{"event":"receipt"},"online":{"event":"never"},"amount":"amount"`, `
				["2026-01-10T00:00:00Z",1,0,0,0,0,10,0,0,0,0]
				["2026-01-11T00:00:00Z",1,0,0,0,0,2.5,0,0,0,0]`},
			{`"kind":"matched",RANGE,"interval":"total","sale":{"event":"never"},"online":{"event":"view"},"amount":"amount"`, `
				["2026-01-01T00:00:00Z",0,0,0,0,null,0,0,0,0,null]`},
			{`"kind":"matched",RANGE,"subject":"household","sale":{"event":"receipt"},"online":{"event":"view"}`, `error: subject`},
			{`"kind":"matched",RANGE,"sale":{"event":"receipt"}`, `error: online: is missing`},
		},
	},
	{
		Name: "exposed",
		Events: `
			1 ad 2025-12-31T10:00:00Z {"campaign":"spring"}
			1 ad 2026-01-02T10:00:00Z {"campaign":"summer"}
			1 buy 2026-01-02T11:00:00Z {"store":"a"}
			1 buy 2026-01-02T13:00:00Z {"store":"a"}
			# another node of the same person, and an exposure of the very moment
			3 is 2
			2 ad 2026-01-05T10:00:00Z {"campaign":"spring"}
			3 buy 2026-01-05T10:00:00Z {"store":"b"}
			# too late, and before any
			4 ad 2026-01-01T00:00:00Z {"campaign":"spring"}
			4 buy 2026-01-20T00:00:00Z {"store":"a"}
			5 buy 2026-01-20T00:00:00Z {"store":"a"}
			5 ad 2026-01-21T00:00:00Z {"campaign":"spring"}
			# a member of the household was exposed
			910 ad 2026-01-06T00:00:00Z
			911 buy 2026-01-07T00:00:00Z {"store":"b"}`,
		Asks: []Ask{
			{`"kind":"exposed",RANGE,"window":"7d","sale":{"event":"buy"},"exposure":{"event":"ad"},"touch":[{"property":"campaign"}]`, `
				["spring","exposed",1,0.166666666666667,1,0]
				["summer","exposed",2,0.333333333333333,1,7200]
				[null,"none",3,0.5,3,null]`},
			{`"kind":"exposed",RANGE,"window":"7d","subject":"household","sale":{"event":"buy"},"exposure":{"event":"ad"},"breakdown":[{"property":"store"}]`, `
				["a",null,"exposed",2,0.5,1,7200]
				["a",null,"none",2,0.5,2,null]
				["b",null,"exposed",2,1,2,43200]`},
		},
	},
}

var homeCases = []Case{{
	Name: "traits of households",
	Events: `
		1 buy 2026-01-02T10:00:00Z {"store":"a"}
		910 buy 2026-01-02T10:00:00Z {"store":"a"}
		912 is 911
		912 buy 2026-01-03T10:00:00Z {"store":"b"}
		911 view 2026-01-03T11:00:00Z
		930 buy 2026-01-04T10:00:00Z {"store":"b"}`,
	Asks: []Ask{
		{`"kind":"trend",RANGE,"interval":"total","subject":"household","series":[{"event":"buy","measure":"persons"}],"breakdown":[{"household":"size"}]`, `
			["2026-01-01T00:00:00Z",0,"1",1]
			["2026-01-01T00:00:00Z",0,"2",1]
			["2026-01-01T00:00:00Z",0,null,1]`},
		{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"buy"}],"breakdown":[{"property":"store"},{"household":"city"}]`, `
			["2026-01-01T00:00:00Z",0,"a","Suzhou",1]
			["2026-01-01T00:00:00Z",0,"b","Suzhou",1]
			["2026-01-01T00:00:00Z",0,"a","上海",1]
			["2026-01-01T00:00:00Z",0,"b","上海",1]
			["2026-01-01T00:00:00Z",0,"a",null,1]
			["2026-01-01T00:00:00Z",0,"b",null,1]`},
		{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"buy"}],"filters":[{"household":"size","op":"gte","value":2},{"property":"store","op":"eq","value":"b"}]`, `["2026-01-01T00:00:00Z",0,1]`},
		{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"buy"}],"filters":[{"household":"city","op":"neq","value":"上海"}]`, `["2026-01-01T00:00:00Z",0,2]`},
		{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"buy"}],"filters":[{"household":"size","op":"not_exists"}]`, `["2026-01-01T00:00:00Z",0,1]`},
		{`"kind":"funnel",RANGE,"subject":"household","steps":[{"event":"buy"},{"event":"view"}],"breakdown":[{"household":"size"}]`, `
			[1,"buy","1",1,1,1,null,null,null]
			[2,"view","1",0,0,0,null,null,null]
			[1,"buy","2",1,1,1,null,null,null]
			[2,"view","2",1,1,1,3600,3600,3600]
			[1,"buy",null,1,1,1,null,null,null]
			[2,"view",null,0,0,0,null,null,null]`},
		{`"kind":"trend",RANGE,"series":[{"event":"buy"}],"breakdown":[{"household":"colour"}]`, `error: households have no trait`},
		{`"kind":"trend",RANGE,"series":[{"event":"buy","where":[{"household":"size","op":"eq","value":2}]}]`, `error: property`},
	},
}}
