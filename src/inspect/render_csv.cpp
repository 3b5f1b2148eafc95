// SPDX-License-Identifier: MIT
// RFC 4180 without quotes: nothing that is written contains a comma. What is unknown is an empty cell.
#include "render.hpp"

namespace pagewright::inspect {
namespace {

void put_rights(output_file &out, rights r) {
  auto const t = text(r);
  out.put(',');
  out.put({t.kernel, 3});
  out.put(',');
  out.put({t.user, 3});
}

void put_repeats(output_file &out, repetitions const &all) {
  auto const r = all.settled();
  out.put(',');
  out.dec(r.total());
  out.put(',');
  for (unsigned i = 0; i < r.depth; ++i) {       // outermost first: COUNTxSTRIDE
    if (i != 0) out.put(' ');
    out.dec(r.part[i].count);
    out.put('x');
    out.dec(r.part[i].stride);
  }
}

}  // namespace

csv_dump::csv_dump(output_file &out, style look) : out_{out}, look_{look} {
  if (!look_.header) return;
  out_.put("kind,va,len,pa,page,level,kernel,user,leaf_kernel,leaf_user,memory,global,accessed,dirty,repeat,strides");
  out_.put(look_.raw ? ",slot,entry\n" : ",table\n");
}

void csv_dump::mapped(mapped_row const &r) {
  auto const &l    = r.first;
  auto const  cell = [&](bool known, auto &&write) {
    out_.put(',');
    if (known) write();
  };
  out_.put("range,");
  out_.hex(l.input.value);
  out_.put(',');
  out_.dec(r.bytes);
  cell(r.has(mapped_row::output), [&] { out_.hex(l.output.value); });
  cell(r.has(mapped_row::page), [&] { out_.dec(l.bytes()); });
  cell(r.has(mapped_row::page), [&] { out_.dec(l.level); });
  put_rights(out_, l.effective);
  if (r.has(mapped_row::own)) put_rights(out_, l.own);
  else out_.put(",,");
  cell(r.has(mapped_row::type), [&] { out_.put(text(l.type)); });
  cell(r.has(mapped_row::global), [&] { out_.dec(l.global); });
  cell(r.has(mapped_row::accessed), [&] { out_.dec(l.accessed); });
  cell(r.has(mapped_row::dirty), [&] { out_.dec(l.dirty); });
  put_repeats(out_, r.repeats);
  out_.put(',');
  if (look_.raw) {
    out_.hex(l.slot.value);
    out_.put(',');
    out_.hex(l.entry);
  }
  out_.put('\n');
}

void csv_dump::blocked(blocked_row const &b) {
  auto const &g = b.where;
  out_.put(identifier(g.why));
  out_.put(',');
  out_.hex(g.part.first.value);
  out_.put(',');
  out_.dec(g.part.bytes());
  out_.put(",,,");
  out_.dec(g.level);
  out_.put(",,,,,,,,");
  put_repeats(out_, b.repeats);
  out_.put(',');
  out_.hex(look_.raw ? g.slot.value : b.table.value);
  if (look_.raw) {
    out_.put(',');
    if (g.why == fault_reason::reserved) out_.hex(g.entry);
  }
  out_.put('\n');
}

csv_walks::csv_walks(output_file &out, style look) : out_{out}, look_{look} {
  if (look.header) out_.put(look.access ? "va,ok,pa,page,level,kernel,user,memory,why,allowed,stage,fault\n"
                                        : "va,ok,pa,page,level,kernel,user,memory,why\n");
}

void csv_walks::show(explained_walk const &w) {
  out_.hex(w.asked.value);
  if (w.outcome) {
    auto const &t = *w.outcome;
    out_.put(",1,");
    out_.hex(t.address.value);
    out_.put(',');
    out_.dec(t.bytes());
    out_.put(',');
    out_.dec(t.level);
    put_rights(out_, t.effective);
    out_.put(',');
    out_.put(text(t.type));
    out_.put(",");
  } else {
    auto const &f = w.outcome.error();
    out_.put(",0,,,");
    if (w.through != nullptr) out_.dec(f.level);
    out_.put(",,,,");
    out_.put(identifier(f.why));
  }
  if (look_.access && w.judged) {
    out_.put(w.judged->reached ? ",1,," : w.judged->known ? ",0," : ",,,");
    if (!w.judged->reached && w.judged->known) out_.dec(w.judged->stage), out_.put(','), out_.put(w.judged->fault);
  } else if (look_.access) {
    out_.put(",,,");
  }
  out_.put('\n');
}

}  // namespace pagewright::inspect
