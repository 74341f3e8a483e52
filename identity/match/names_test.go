package match

import (
	"strings"
	"testing"
)

// What of two mail addresses counts is what is left of them without the names.
func TestMailAddressesAreComparedWithoutNames(t *testing.T) {
	const nothing = -1
	for _, test := range []struct {
		names, mailA, mailB string
		want                int
	}{
		{"王子轩|杨子轩", "wang.zixuan.102@example.com", "yang.zixuan.1205@example.com", mailDifferent},
		{"王子轩|王子轩", "wang.zixuan.102@example.com", "wangzixuan102@example.net", 3},
		{"王子轩|王子轩", "wangzx@example.com", "zixuan.wang@example.com", mailDifferent}, // not alike as they are written
		{"王子轩|王子轩", "wang.zixuan@example.com", "wang.zixuan@example.net", nothing},
		{"王子轩|王子轩", "wang.zixuan.88412@example.com", "wang.zixuan.88412@example.net", 1},
		{"王子轩|王子轩", "wang.zixuan.88412@example.com", "wang.zixuan.88413@example.com", mailSlip},
		{"王子轩|王子轩", "wang.zixuan.12@example.com", "wang.zixuan.13@example.com", nothing},
		{"王子轩|王子轩", "wang.zixuan.12@example.com", "wang.zixuan.97@example.com", mailDifferent},
		{"王子轩|", "wang.zixuan.12@example.com", "wang.zixuan.97@example.com", mailDifferent}, // one side's name is enough
		{"|", "wang.zixuan.12@example.com", "wang.zixuan.13@example.com", mailSlip},         // nobody knows what is a name
		{"Anna Lee|Anna Lee", "anna.lee@example.com", "anna.lee7@example.com", nothing},
		{"Anna Lee|Anna Lee", "alee1985@example.com", "alee1985@example.net", 1},
		{"Anna Lee|Anna Lee", "anna.lee@example.com", "anna.leee@example.com", mailSlip},
		{"Anna Lee|Ana Lee", "anna.lee@example.com", "ana.lee@example.com", nothing},
		{"Anna Lee|Anna Lee", "anna.lee@example.com", "anna.lee@example.com", mailEqual},
		{"Anna Lee|Anna Lee", "silverfox@example.com", "silverfoxx@example.net", 3},
		{"Anna Lee|Anna Lee", "anna.lee@lee-bakery.test", "anna.le@lee-bakery.test", mailSlip}, // whose host few have
		{"Anna Lee|Anna Lee", "anna.lee@lee-bakery.test", "anna.lee@leebakery.test", 1},
	} {
		set, err := NewSet([]Column{{Name: "name", Kind: Name}, {Name: "mail", Kind: Email}})
		if err != nil {
			t.Fatal(err)
		}
		nameA, nameB, _ := strings.Cut(test.names, "|")
		for i := range 200 { // hosts of many
			for _, host := range []string{"@example.com", "@example.net"} {
				if err := set.Add(0, Record{Values: []string{"", string(rune('a'+i%26)) + string(rune('a'+i/26)) + "x" + host}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, values := range [][]string{{nameA, test.mailA}, {nameB, test.mailB}} {
			if err := set.Add(0, Record{Values: values}); err != nil {
				t.Fatal(err)
			}
		}
		set.finish()
		model, err := newModel(set.Columns())
		if err != nil {
			t.Fatal(err)
		}
		c, err := model.bind(set.columns)
		if err != nil {
			t.Fatal(err)
		}
		for _, turn := range [][2]uint32{{400, 401}, {401, 400}} {
			if got := c.pattern(set.read(turn[0], nil), set.read(turn[1], nil)).level(1); got != test.want {
				t.Errorf("%s, %s and %s: level %d and not %d", test.names, test.mailA, test.mailB, got, test.want)
			}
		}
	}
}

// Titles are no part of a name, and a Chinese name may have its family name behind.
func TestNamesWithTitlesAndTurnedOnes(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"郭先生", "郭艳", namePart}, {"郭女士", "王艳", nameDifferent}, {"思远 董", "董思远", nameForms}, {"阳 欧阳", "欧阳阳", nameForms}, {"先生", "郭先生", nameDifferent},
		{"Mr/Ms Evans", "Leo Evans", namePart}, {"Dr. Leo Evans", "Leo  Evans", 0}, {"Mr", "Leo Evans", nameDifferent}, {"王伟", "伟王", nameForms}, {"王小伟", "王伟", nameAlike},
	} {
		a, b := nameForm(test.a), nameForm(test.b)
		got := 0
		if a.text != b.text {
			got = nameLevel(&a, &b, Name)
		}
		if got != test.want {
			t.Errorf("%s and %s: level %d and not %d", test.a, test.b, got, test.want)
		}
	}
}
