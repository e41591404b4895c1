# Writes OUT, a C++ file with the TEXTS as an array `kEmbedded` of the type that HEADER declares. Raw strings: their end mark
# must not occur in a text.
set(entries "")
foreach(text ${TEXTS})
  get_filename_component(stem ${text} NAME_WE)
  file(READ ${text} content)
  string(FIND "${content}" ")embed\"" mark)
  if(NOT mark EQUAL -1)
    message(FATAL_ERROR "${text} holds the mark that ends an embedded text")
  endif()
  string(APPEND entries "    {\"${stem}\", R\"embed(${content})embed\"},\n")
endforeach()
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nnamespace wakewatch {\nnamespace {\nconst EmbeddedText kTexts[] = {\n${entries}};\n}  // namespace\nstd::span<const EmbeddedText> EmbeddedTexts() { return kTexts; }\n}  // namespace wakewatch\n")
