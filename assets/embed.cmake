# Turn FILES (a list) into OUT, a C file that has the assembler take each of them in
# as it is, so that the program carries its assets and needs no install step
# (app/assets.h).
set(text "/* Made by assets/embed.cmake. */\n#include \"app/assets.h\"\n\n")
set(table "")
set(i 0)
foreach(file ${FILES})
	get_filename_component(name ${file} NAME)
	file(SIZE ${file} size)
	string(APPEND text "__asm__(\".section .rodata\\n.balign 64\\nfolio_asset_${i}: .incbin \\\"${file}\\\"\\n.byte 0\\n.previous\");\n"
		"extern const char folio_asset_${i}[];\n")
	string(APPEND table "\t{ \"${name}\", folio_asset_${i}, ${size} },\n")
	math(EXPR i "${i} + 1")
endforeach()
string(APPEND text "\nconst asset assets[] = {\n${table}\t{ 0, 0, 0 },\n};\n")
file(WRITE ${OUT} "${text}")
