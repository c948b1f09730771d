# Strict reading, and writing as ECMAScript does.
#
# run: cgi fcgi, 10 s

load ../lib/helper

# The text of a generic event around one value.
around() {
	printf '{"source":"generic","event":"e","data":{"type":"t","data":%s}}' "$1"
}

# kept VALUE EXPECTED: the value is recorded, and stored so.
kept() {
	row "$1"
	post "$(around "$1")"
	recorded custom
	stored payload "{\"type\":\"t\",\"data\":$2}"
}

# bad_json BODY
bad_json() {
	row "$1"
	post "$1"
	refused_like 400 'Invalid JSON body: .+'
}

# bad_bytes FORMAT: as bad_json, for what printf makes of FORMAT.
bad_bytes() {
	row "$1"
	post_bytes "$1"
	refused_like 400 'Invalid JSON body: .+'
}

# nested OPEN CLOSE COUNT
nested() {
	local left right
	printf -v left "%*s" "$3" ''
	printf -v right "%*s" "$3" ''
	printf %s "${left// /$1}1${right// /$2}"
}

@test "the body must be an object" {
	local body
	for body in '' ' ' null true false 0 -1.5 '"x"' '"{}"' '[]' '[{}]' $'\xef\xbb\xbf'; do
		bad_json "$body"
	done
	nothing_recorded
}

@test "nothing may stand after the body's object" {
	local body
	for body in x '}' '{}' ',' 'null' '/' '//' '/**/' '#' $'\v' $'\f' $'\xc2\xa0' $'\x1a' $'\xef\xbb\xbf'; do
		bad_json "$(around 1)$body"
	done
	bad_bytes "$(around 1)\\0"
	bad_bytes "$(around 1)\\n\\0\\n"
	nothing_recorded
}

@test "white space around everything is allowed" {
	post_bytes ' \t\r\n{ "source"\t:\r"generic"\n,"event":"e","data":{"data" : [ 1 , { } , [ ] ] } }\n\n\t \r'
	recorded custom
	stored payload '{"type":"generic","data":[1,{},[]]}'
}

@test "a NUL is refused wherever it is" {
	bad_bytes '\0'
	bad_bytes "\\0$(around 1)"
	bad_bytes '{"source":"generic","event":"e","data":{"data":"a\0b"}}'
	bad_bytes '{"source":"generic","event":"e","data":{"a\0b":1}}'
	bad_bytes '{"source":"generic",\0"event":"e","data":{}}'
	bad_bytes '{"source":"generic","event":"e","data":{}\0}'
	nothing_recorded
}

@test "control characters in strings must be escaped" {
	local byte
	for byte in 01 07 08 09 0a 0c 0d 1b 1f; do
		bad_bytes "$(around "\"a\\x${byte}b\"")"
		bad_bytes "$(around "{\"\\x$byte\":1}")"
	done
	nothing_recorded
	kept $'"\x7f"' $'"\x7f"'
}

@test "invalid UTF-8 is refused" {
	local bytes
	for bytes in '\x80' '\xbf' '\xc2' '\xc0\x80' '\xc1\xbf' '\xc3\x28' '\xe2\x82' '\xe2\x28\xa1' \
		'\xe0\x80\x80' '\xe0\x9f\xbf' '\xed\xa0\x80' '\xed\xbf\xbf' '\xed\xa0\xbd\xed\xb8\x80' \
		'\xf0\x9f\x98' '\xf0\x28\x8c\xbc' '\xf0\x80\x80\x80' '\xf0\x8f\xbf\xbf' '\xf4\x90\x80\x80' \
		'\xf5\x80\x80\x80' '\xf8\x88\x80\x80\x80' '\xfe' '\xff'; do
		bad_bytes "$(around "\"$bytes\"")"
		bad_bytes "$(around "{\"$bytes\":1}")"
	done
	bad_bytes "$(around 1)\\xff"
	bad_bytes '{\xff}'
	bad_bytes '{"source":"generic","event":"e","data":{"data":"\xe2\x82'
	nothing_recorded
}

@test "all of UTF-8 is kept as it is" {
	local bytes
	for bytes in $'\xc2\x80' $'\xdf\xbf' $'\xe0\xa0\x80' $'\xed\x9f\xbf' $'\xee\x80\x80' $'\xef\xbf\xbf' \
		$'\xf0\x90\x80\x80' $'\xf4\x8f\xbf\xbf' $'\xe2\x80\xa8\xe2\x80\xa9' $'\xef\xbb\xbf'; do
		kept "\"$bytes\"" "\"$bytes\""
		kept "{\"$bytes\":1}" "{\"$bytes\":1}"
	done
}

@test "a byte order mark is skipped, once" {
	post_bytes "\\xef\\xbb\\xbf$(around 1)"
	recorded custom
	stored payload '{"type":"t","data":1}'
	bad_bytes "\\xef\\xbb\\xbf\\xef\\xbb\\xbf$(around 1)"
	bad_bytes " \\xef\\xbb\\xbf$(around 1)"
	bad_bytes '\xff\xfe{\0}\0'
	bad_bytes '\xfe\xff\0{\0}'
	counted events 1
}

@test "the signature covers the byte order mark too" {
	printf '\xef\xbb\xbf{"source":"agentgate","event":"test","data":{}}' >"$dir/body"
	post_file "$dir/body" HTTP_X_WEBHOOK_SIGNATURE="$(sign "$agentgate_secret" <"$dir/body")"
	recorded custom
	post_file "$dir/body" HTTP_X_WEBHOOK_SIGNATURE="$(tail -c +4 "$dir/body" | sign "$agentgate_secret")"
	refused 401 'Invalid webhook signature'
}

@test "64 levels pass, 65 do not" {
	# Two of them are the body and its data.
	kept "$(nested '[' ']' 62)" "$(nested '[' ']' 62)"
	kept "$(nested '{"a":' '}' 62)" "$(nested '{"a":' '}' 62)"
	bad_json "$(around "$(nested '[' ']' 63)")"
	bad_json "$(around "$(nested '{"a":' '}' 63)")"
	bad_json "$(around "$(nested '[{"a":' '}]' 32)")"
	counted events 2
}

@test "no depth makes it fall" {
	local deep
	printf -v deep '%*s' 200000 ''
	post "$(around "${deep// /[}")"
	refused_like 400 'Invalid JSON body: .+'
	post "$(around "${deep// /\{\"a\":}")"
	refused_like 400 'Invalid JSON body: .+'
	post "$(around 1)"
	recorded custom
}

@test "numbers are written as ECMAScript writes the double" {
	local text expected
	while read -r text expected; do
		kept "$text" "$expected"
	done <<-'END'
		0 0
		-0 0
		-0.0 0
		-0e5 0
		1 1
		-1 -1
		1.0 1
		1.50 1.5
		1e2 100
		1E+2 100
		1e0 1
		1e-0 1
		0.1e1 1
		100e-2 1
		0e99999 0
		0.1 0.1
		0.30000000000000004 0.30000000000000004
		0.1000000000000000055511151231257827 0.1
		123456.789 123456.789
		1e20 100000000000000000000
		1e21 1e+21
		-1e21 -1e+21
		123456789012345678901 123456789012345680000
		999999999999999999999 1e+21
		12345678901234567890123 1.2345678901234568e+22
		9007199254740991 9007199254740991
		9007199254740993 9007199254740992
		18446744073709551616 18446744073709552000
		9223372036854775807 9223372036854776000
		1e23 1e+23
		0.000001 0.000001
		0.0000001 1e-7
		1e-6 0.000001
		1.5e-7 1.5e-7
		5.684341886080802e-14 5.684341886080802e-14
		5.684341886080801489e-14 5.684341886080802e-14
		9.5367431640625e-7 9.5367431640625e-7
		4.35 4.35
		2.2250738585072014e-308 2.2250738585072014e-308
		2.2250738585072011e-308 2.225073858507201e-308
		5e-324 5e-324
		4.9406564584124654e-324 5e-324
		2.5e-324 5e-324
		2e-324 0
		1e-400 0
		-1e-400 0
		1e-99999999999999999999 0
		1.7976931348623157e308 1.7976931348623157e+308
		1.7976931348623158e308 1.7976931348623157e+308
	END
}

@test "numbers beyond the doubles are refused" {
	local number
	for number in 1e309 -1e309 1e400 1.7976931348623159e308 1e99999999999999999999 "1$(printf '%0400d' 0)"; do
		bad_json "$(around "$number")"
	done
	nothing_recorded
}

@test "what is no JSON number is refused" {
	local number
	for number in 01 -01 00 1. .5 -.5 1.e5 +1 - -- 1e 1e+ 1e1.5 0x10 1_000 1,5 1f 1n \
		NaN -NaN Infinity -Infinity nan inf ' - 1' '1 2' '٣'; do
		bad_json "$(around "$number")"
	done
	nothing_recorded
}

@test "what is no JSON value is refused" {
	local value
	for value in '' True TRUE nul nulll undefined tru "'a'" '`a`' a '[1,]' '[,1]' '[1 2]' '[1' '1]' \
		'{"a":1,}' '{,}' '{a:1}' "{'a':1}" '{"a"}' '{"a":}' '{"a" 1}' '{"a":1 "b":2}' '{1:1}' '{null:1}' '{"a":1,,"b":2}' \
		'/**/1' '1/**/' $'//x\n1' $'#x\n1' '"' '"a' 'a"' '"\' '"\"' '[}' '{]'; do
		bad_json "$(around "$value")"
	done
	nothing_recorded
}

@test "a body that is cut off anywhere is refused" {
	local body cut
	body='{"source":"generic","event":"e","data":{"data":[-1.5e+3,true,"\u00e9\\",null]}}'
	for ((cut = 1; cut < ${#body}; cut += 3)); do
		bad_json "${body:0:cut}"
	done
	post "$body"
	recorded custom
}

@test "strings are written with the shortest escapes" {
	local text expected
	while IFS=' ' read -r text expected; do
		kept "$text" "$expected"
	done <<-'END'
		"" ""
		"\"\\\/\b\f\n\r\t" "\"\\/\b\f\n\r\t"
		"/" "/"
		"\u002f\u0022\u005C" "/\"\\"
		"\u0000\u0001\u0007\u000B\u001F" "\u0000\u0001\u0007\u000b\u001f"
		"\u0008\u0009\u000a\u000c\u000d" "\b\t\n\f\r"
		"\u0041\u00e9\u20AC" "Aé€"
		"\ud83d\ude00\uDBFF\uDFFF" "😀􏿿"
		"</script>&'" "</script>&'"
	END
	kept '"\u2028\u2029\ufeff"' $'"\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf"'
	kept '"\u007f\u0080\u009f"' $'"\x7f\xc2\x80\xc2\x9f"'
}

@test "a lone surrogate becomes U+FFFD" {
	local text expected
	while read -r text expected; do
		kept "$text" "$expected"
		kept "{$text:1}" "{$expected:1}"
	done <<-'END'
		"\ud83d" "�"
		"\ude00" "�"
		"x\ud83dx" "x�x"
		"\ude00\ud83d" "��"
		"\ud83d\u0041" "�A"
		"\ud83d\ud83d\ude00" "�😀"
		"\ud83d\n" "�\n"
		"\uD800\uDBFF" "��"
	END
}

@test "bad escapes are refused" {
	local text
	for text in '\x41' '\a' "\\'" '\0' '\u' '\u1' '\u12' '\u123' '\u12g4' '\u 123' '\u+123' '\u-123' '\u0x12' '\U0041' \
		'\u{41}' '\ud83d\u' '\ud83d\ude0' '\ud83d\'; do
		bad_json "$(around "\"$text\"")"
	done
	nothing_recorded
}

@test "of duplicate keys the last wins, at the place of the first" {
	kept '{"a":1,"b":2,"a":3}' '{"a":3,"b":2}'
	kept '{"a":1,"b":2,"\u0061":{"c":1,"c":2}}' '{"a":{"c":2},"b":2}'
	kept '{"a":1,"a":null}' '{"a":null}'
	kept '{"\u0000":1,"\u0000x":2,"\u0000":3}' '{"\u0000":3,"\u0000x":2}'
	kept '{"\ud83d":1,"\ude00":2}' '{"�":2}'
	post '{"source":"agentgate","event":"a","event":"b","source":"generic","data":1,"data":{"data":1}}'
	recorded custom
	stored metadata '{"source":"generic","webhookEvent":"b"}'
}

@test "keys are in ECMAScript's order" {
	kept '{"b":1,"2":1,"a":1,"10":1,"1":1,"0":1}' '{"0":1,"1":1,"2":1,"10":1,"b":1,"a":1}'
	kept '{"01":1,"-1":1,"1.0":1,"1e0":1,"+1":1," 1":1,"":1,"7":1}' '{"7":1,"01":1,"-1":1,"1.0":1,"1e0":1,"+1":1," 1":1,"":1}'
	kept '{"4294967295":1,"4294967294":1,"4294967296":1,"99999999999999999999":1}' \
		'{"4294967294":1,"4294967295":1,"4294967296":1,"99999999999999999999":1}'
	kept '{"3":1,"x":[{"b":1,"1":1}],"2":1,"3":2}' '{"2":1,"3":2,"x":[{"1":1,"b":1}]}'
	kept '{"__proto__":{"a":1},"constructor":1,"toString":null,"__proto__":2}' '{"__proto__":2,"constructor":1,"toString":null}'
	kept '{"\u0031":1,"b":1}' '{"1":1,"b":1}'
}

@test "the payload's own keys follow the same order" {
	post '{"source":"generic","event":"e","data":{"z":1,"5":1,"data":null}}'
	recorded custom
	stored payload '{"type":"generic","data":{"5":1,"z":1,"data":null}}'
	post '{"source":"generic","event":"e","data":{},"context":{"z":1,"5":1}}'
	recorded custom
	stored metadata '{"5":1,"source":"generic","webhookEvent":"e","z":1}'
}

@test "large and wide values are kept" {
	local list
	list=[$(seq -s , 1 2000)]
	kept "$list" "$list"
	list=$(seq 1 900 | awk '{ printf "%s\"k%d\":%d", NR == 1 ? "" : ",", $1, $1 }')
	kept "{$list}" "{$list}"
}
