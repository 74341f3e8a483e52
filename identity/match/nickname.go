package match

import (
	"strings"
	"sync"
)

// nicknameLines are given names that stand for one another, the full one first. A short form may stand for several.
const nicknameLines = `
abigail abby gail
abraham abe
albert al bert
alexander alex al sandy xander sasha
alexandra alex sandra lexi sasha
alfred al fred alf
amanda mandy
andrew andy drew
angela angie
ann anne annie nan
anthony tony
arthur art
barbara barb babs
benjamin ben benny
bernard bernie
beverley bev beverly
bradley brad
calvin cal
cameron cam
caroline carrie carol
catherine cathy kate katie cat katherine kathryn kathy kat kay
charles charlie chuck chas
charlotte charlie lottie
christina chris tina christine
christopher chris kit topher
clifford cliff
constance connie
cynthia cindy
daniel dan danny
david dave davy
deborah deb debbie debra
dennis denny
donald don donny
dominic dom
dorothy dot dottie
douglas doug
edward ed eddie ted ned teddy
eleanor ellie nell nora
elizabeth liz beth betty lizzie eliza bess lisa libby
emily em
eugene gene
evelyn eve
florence flo
frances fran
francis frank
franklin frank
frederick fred freddie
gabriel gabe
gabrielle gabby
geoffrey geoff jeff jeffrey
gerald gerry jerry
gregory greg
harold harry hal
harrison harry
henry harry hank hal
howard howie
isabella bella izzy isabelle
jacob jake
jacqueline jackie
james jim jimmy jamie
janet jan
jason jay
jennifer jen jenny
jessica jess jessie
john jack johnny jon
jonathan jon jonny john
joseph joe joey
joshua josh
judith judy
julia julie
kenneth ken kenny
kimberly kim
lachlan lachie
laurence larry lawrence laurie
leonard leo len lenny
lillian lily
louis lou louie lewis
lucas luke
madeline maddie
margaret maggie meg peggy marge rita daisy greta
martin marty
matthew matt
maximilian max
megan meg
melissa mel missy
michael mike mick mickey mitch
michelle shelly
mitchell mitch
nathaniel nate nathan nat
nicholas nick nicky nico
nicole nikki nicky
oliver ollie
olivia liv
pamela pam
patricia pat patty tricia trish
patrick pat paddy rick
peter pete
philip phil pip phillip
rachel rach
raymond ray
rebecca becky becca
richard rick dick rich richie ricky
robert bob rob bobby robbie bert
roger rodge
ronald ron ronnie
russell russ
samantha sam
samuel sam sammy
sarah sally sara
sebastian seb
stephen steve steven stevie
stuart stu
susan sue susie suzanne
sydney syd
teresa terry tess theresa
theodore ted theo teddy
thomas tom tommy
timothy tim
tobias toby
valerie val
veronica ronnie
victor vic
victoria vicky tori
vincent vince vinny
virginia ginny
walter walt wally
wendy wen
wilhelmina billie mina
william bill will billy willy liam
zachary zach zac
`

// nicknames gives, by name, the lines that it stands in.
var nicknames = sync.OnceValue(func() map[string][]int16 {
	in := make(map[string][]int16)
	for i, line := range strings.Split(strings.TrimSpace(nicknameLines), "\n") {
		for _, name := range strings.Fields(line) {
			in[name] = append(in[name], int16(i)) //nolint:gosec // a few hundred lines
		}
	}
	return in
})

// nicknamed tells whether two given names may be one: Bob and Robert.
func nicknamed(a, b string) bool {
	in := nicknames()
	for _, x := range in[a] {
		for _, y := range in[b] {
			if x == y {
				return true
			}
		}
	}
	return false
}
