'use strict';
// A film printer: Basic Grayscale and Basic Color Print Management Meta, Presentation LUT,
// Annotation Box, Printer N-GET, N-EVENT-REPORT (PS3.4 Annex H), on dcmjs-dimse.
//
//   node print_scp.js PORT DIRECTORY
//
// What comes out of it lies in DIRECTORY: film-1.json, film-2.json and so on, one for each film
// that was printed, with its session, its film box, its annotations and its images, each of
// which names the file with its pixels as they came over the wire. log.jsonl has every request.
//
// Environment: PRINTER_STATUS (NORMAL), PRINTER_INFO, EVENTS=1 (an N-EVENT-REPORT before the
// answer to every request), PRINTER_UIDS=1 (the printer makes all UIDs, whatever was asked for).

const fs = require('fs');
const net = require('net');
const path = require('path');
const { Dataset, Server, Scp, requests, responses, constants } = require('dcmjs-dimse');
const { PresentationContextResult, SopClass, Status, TransferSyntax } = constants;

const [port, directory] = [Number(process.argv[2]), process.argv[3]];
const { PRINTER_STATUS = 'NORMAL', PRINTER_INFO = 'NORMAL', EVENTS, PRINTER_UIDS } = process.env;
const THE_PRINTER = '1.2.840.10008.5.1.1.17';
const METAS = [SopClass.BasicGrayscalePrintManagementMeta, SopClass.BasicColorPrintManagementMeta];
const CONTEXTS = [...METAS, SopClass.Verification, SopClass.PresentationLut, SopClass.BasicAnnotationBox];
const SYNTAXES = [TransferSyntax.ImplicitVRLittleEndian, TransferSyntax.ExplicitVRLittleEndian];

// the library listens on every interface; a test must not
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (where) {
  return listen.call(this, where, '127.0.0.1');
};

let films = 0;
let uids = 0;
const log = (entry) => fs.appendFileSync(path.join(directory, 'log.jsonl'), JSON.stringify(entry) + '\n');
const first = (value) => (Array.isArray(value) ? value[0] : value);
// the library splits an ST at its backslashes, though they belong to it
const text = (value) => (Array.isArray(value) ? value.join('\\') : value);

class Printer extends Scp {
  associationRequested(association) {
    this.association = association;
    this.meta = null;
    this.objects = new Map(); // by SOP Instance UID
    association.getPresentationContexts().forEach(({ id }) => {
      const context = association.getPresentationContext(id);
      const uid = context.getAbstractSyntaxUid();
      const syntax = context.getTransferSyntaxUids().find((s) => SYNTAXES.includes(s));
      if (METAS.includes(uid)) this.meta = uid;
      if (!CONTEXTS.includes(uid)) context.setResult(PresentationContextResult.RejectAbstractSyntaxNotSupported);
      else if (!syntax) context.setResult(PresentationContextResult.RejectTransferSyntaxesNotSupported);
      else context.setResult(PresentationContextResult.Accept, syntax);
    });
    this.sendAssociationAccept();
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }

  cEchoRequest(request, callback) {
    const response = responses.CEchoResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }

  answer(kind, request, uid, status, callback, elements, ...extra) {
    const sopClass = request.getAffectedSopClassUid() || request.getRequestedSopClassUid();
    log({ kind, sopClass, uid, status, elements: this.plain(request) });
    if (EVENTS) {
      const event = new requests.NEventReportRequest(SopClass.Printer, THE_PRINTER, 2, this.meta);
      event.setDataset(new Dataset({ PrinterStatusInfo: 'SUPPLY LOW' }));
      this.sendRequests(event);
    }
    const response = new responses[`${kind}Response`](sopClass, uid, ...extra, status);
    response.setMessageIdBeingRespondedTo(request.getMessageId());
    if (elements) response.setDataset(new Dataset(elements));
    callback(response);
  }

  plain(request) {
    const elements = request.hasDataset() ? request.getDataset().getElements() : {};
    const kept = Object.entries(elements).filter(([name]) => !/^_|ImageSequence$/.test(name));
    return Object.fromEntries(kept.map(([name, value]) => [name, text(value)]));
  }

  nGetRequest(request, callback) {
    const elements = { PrinterStatus: PRINTER_STATUS, PrinterStatusInfo: PRINTER_INFO };
    this.answer('NGet', request, THE_PRINTER, Status.Success, callback, elements);
  }

  nCreateRequest(request, callback) {
    const sopClass = request.getAffectedSopClassUid();
    const wanted = PRINTER_UIDS ? undefined : request.getAffectedSopInstanceUid();
    const uid = wanted || this.newUid();
    const made = { sopClass, uid, elements: this.plain(request), boxes: [], annotations: [] };
    if (this.objects.has(uid)) return this.answer('NCreate', request, uid, Status.DuplicateSOPInstance, callback);
    this.objects.set(uid, made);
    if (sopClass !== SopClass.BasicFilmBox) return this.answer('NCreate', request, uid, Status.Success, callback);
    const session = first(request.getDataset().getElement('ReferencedFilmSessionSequence'));
    if (!session || !this.objects.has(session.ReferencedSOPInstanceUID)) {
      return this.answer('NCreate', request, uid, Status.NoSuchObjectInstance, callback);
    }
    made.session = session.ReferencedSOPInstanceUID;
    const [columns, rows] = made.elements.ImageDisplayFormat.replace('STANDARD\\', '').split(',').map(Number);
    const color = this.meta === SopClass.BasicColorPrintManagementMeta;
    const imageBox = color ? SopClass.BasicColorImageBox : SopClass.BasicGrayscaleImageBox;
    const items = (count, list, of) =>
      Array.from({ length: count }, () => {
        const box = { sopClass: of, uid: this.newUid() };
        this.objects.set(box.uid, box);
        list.push(box);
        return { ReferencedSOPClassUID: of, ReferencedSOPInstanceUID: box.uid };
      });
    const elements = { ReferencedImageBoxSequence: items(columns * rows, made.boxes, imageBox) };
    if (made.elements.AnnotationDisplayFormatID) {
      elements.ReferencedBasicAnnotationBoxSequence = items(2, made.annotations, SopClass.BasicAnnotationBox);
    }
    return this.answer('NCreate', request, uid, Status.Success, callback, elements);
  }

  nSetRequest(request, callback) {
    const uid = request.getRequestedSopInstanceUid();
    const box = this.objects.get(uid);
    if (!box) return this.answer('NSet', request, uid, Status.NoSuchObjectInstance, callback);
    const elements = request.getDataset().getElements();
    const item = first(elements.BasicGrayscaleImageSequence || elements.BasicColorImageSequence);
    box.elements = this.plain(request);
    if (item) {
      box.pixels = Buffer.from(first(item.PixelData));
      box.image = Object.fromEntries(Object.entries(item).filter(([name]) => !/^_|PixelData/.test(name)));
    }
    return this.answer('NSet', request, uid, Status.Success, callback);
  }

  nActionRequest(request, callback) {
    const uid = request.getRequestedSopInstanceUid();
    const all = [...this.objects.values()].filter((o) => o.sopClass === SopClass.BasicFilmBox);
    const these = all.filter((o) => o.uid === uid || o.session === uid);
    if (!these.length) return this.answer('NAction', request, uid, 0xc600, callback, undefined, 1);
    if (these.some((o) => !o.boxes.some((box) => box.pixels))) {
      return this.answer('NAction', request, uid, 0xb603, callback, undefined, 1);
    }
    these.forEach((film) => this.expose(film));
    return this.answer('NAction', request, uid, Status.Success, callback, undefined, 1);
  }

  expose(film) {
    films += 1;
    const images = film.boxes.map((box, i) => {
      if (!box.pixels) return null;
      const file = `film-${films}-${i + 1}.raw`;
      fs.writeFileSync(path.join(directory, file), box.pixels);
      return { ...box.elements, image: box.image, file };
    });
    const session = this.objects.get(film.session).elements;
    const annotations = film.annotations.map((box) => box.elements || null);
    const told = { meta: this.meta, session, box: film.elements, annotations, images };
    fs.writeFileSync(path.join(directory, `film-${films}.json`), JSON.stringify(told, null, 1));
  }

  nDeleteRequest(request, callback) {
    const uid = request.getRequestedSopInstanceUid();
    const known = this.objects.delete(uid);
    for (const [key, object] of this.objects) if (object.session === uid) this.objects.delete(key);
    this.answer('NDelete', request, uid, known ? Status.Success : Status.NoSuchObjectInstance, callback);
  }

  newUid() {
    uids += 1;
    return `2.25.9${process.pid}${uids}`;
  }
}

require('dcmjs-dimse').log.setLevel('error');
const server = new Server(Printer);
server.on('networkError', (error) => log({ kind: 'networkError', error: String(error) }));
server.listen(port);
